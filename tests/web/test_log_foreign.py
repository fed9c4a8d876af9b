"""A third party's C2SP client (the package tlog-scales) reads our log over a real socket."""

from __future__ import annotations

import asyncio

from tlog_scales import tiles
from tlog_scales.backend import HttpBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tlog import Checkpoint

from pumpkin.store import checks
from tests.web.conftest import Web
from tests.web.test_log import filled


def read(url: str, vkey: str, places: tuple[int, ...]) -> tuple[Checkpoint, list[bytes]]:
    """The checkpoint, verified, its root rebuilt from tiles, and the entries at `places`, each proven."""
    backend = HttpBackend(url)
    reader = TilesReader(backend)
    head = reader.get_checkpoint()
    head.verify(Vkey.from_string(vkey))
    assert reader.calculate_root_hash() == head.root_hash
    entries = []
    for place in places:
        entry = reader.get_entry(place)
        reader.get_inclusion_proof(place, head.size).check(tiles.leaf_hash(entry), head.root_hash)
        entries.append(entry)
    backend.session.close()
    return head, entries


def consistent(url: str, old: Checkpoint, new: Checkpoint) -> None:
    backend = HttpBackend(url)
    reader = TilesReader(backend)
    reader.set_size(new.size)
    reader.get_consistency_proof(old.size, new.size).check(old.root_hash, new.root_hash)
    backend.session.close()


async def test_a_third_party_s_client_reads_checkpoint_tiles_and_entries(web: Web) -> None:
    await filled(web, 300)
    url = str(web.client.make_url("/log"))
    old, _ = await asyncio.to_thread(read, url, web.line.key.vkey, ())
    await filled(web, 400)
    await web.line.until_stamped(700)
    head, entries = await asyncio.to_thread(read, url, web.line.key.vkey, (0, 255, 256, 511, 512, 699))
    assert head.size == 700
    rows = [await checks.by_seq(web.line.db, place) for place in (0, 255, 256, 511, 512, 699)]
    assert entries == [row.record for row in rows if row is not None]
    await asyncio.to_thread(consistent, url, old, head)
