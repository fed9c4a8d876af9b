"""`pumpkin rekey`: a new key for the log, the local authority or the fleet; old statements stay as good as they are."""

from __future__ import annotations

import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from actors.exchange import Exchange, Series
from actors.keeper import asker
from pumpkin.adapters.folder import DataFolder
from pumpkin.adapters.tsa import LocalTsa
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, noted, work
from pumpkin.commands.renew import now
from pumpkin.evidence import checkpoint, keys
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.evidence.orders import JOBS, FleetKey
from pumpkin.model.wire import rfc3339
from pumpkin.renewer import Renewer
from pumpkin.settings import Settings
from pumpkin.store import facts, proofs, signing, succession
from pumpkin.store.database import Database

PAGE = 2_000


@click.command()
@click.argument("which", type=click.Choice(["log", "authority", "fleet"]))
@click.option("--compromised", is_flag=True, help="Somebody else may have the key: say so in the log's history.")
@data_option
@config_option
@json_option
def rekey(which: str, compromised: bool, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Replace the key of the log, of the local authority or of the fleet, while the server rests.

    \b
    log        Every checkpoint there is gets a signature by the new key beside the old one's. The old key signs
               that the new one follows it; its secret half is then deleted, its public half kept.
    authority  A new local authority takes over and stamps every older token (one renewal); the old key is deleted.
    fleet      A new key signs the probes' orders. The old key signs that the new one follows it, and every probe that
               takes orders follows when it next hears of the server; with --compromised none does by itself: give
               each the new key (fleet_key in its file, fleet-key.txt here).
    """
    settings = load(data, config)
    place = DataFolder(settings.data)

    async def job() -> dict[str, Any]:
        place.claim()
        try:
            async with database(settings) as db:
                await noted(db, f"rekey.{which}", f"key:{which}", compromised=compromised)
                if which == "log":
                    return await _log(settings, place, db, compromised=compromised)
                if which == "fleet":
                    return await _fleet(place, db, compromised=compromised)
                return await _authority(settings, place, db, compromised=compromised)
        finally:
            place.release()

    done = work(job)
    answer(done, as_json, "\n".join(f"{name}: {value}" for name, value in done.items()))


async def _log(settings: Settings, place: DataFolder, db: Database, *, compromised: bool) -> dict[str, Any]:
    old = place.log_key(settings.log.origin)
    new = LogKey.generate(old.origin)
    head = await proofs.latest_checkpoint(db)
    size, root = (head.size, head.root) if head else (0, sha256(b"").digest())
    said = keys.succession(old.vkey, new.vkey, size, root)
    detail = {
        "old": old.vkey,
        "new": new.vkey,
        "size": size,
        "root": root.hex(),
        "compromised": compromised,
        "signed_by_old": old.sign_bytes(said).hex(),
        "signed_by_new": new.sign_bytes(said).hex(),
    }
    signed = 0
    while notes := await proofs.notes(db, signed, PAGE):
        await proofs.set_notes(db, {at: checkpoint.cosign(note, new) for at, note in notes})
        signed = notes[-1][0]
    place.replace_log_key(new)
    await signing.event(db, "log", old.origin, new.key_id.hex(), "compromised" if compromised else "rotated", detail)
    return {"old": old.vkey, "new": new.vkey, "checkpoints signed anew": signed and size}


async def _fleet(place: DataFolder, db: Database, *, compromised: bool) -> dict[str, Any]:
    first = place.fleet_key()
    old = place.adopt_fleet_key(await facts.once(db, succession.KEY, first.public))
    new = FleetKey.generate()
    place.prepare_fleet_key(new)
    # A stolen key can say of any other that it follows: then its word counts for nothing.
    chain = [] if compromised else [*await succession.links(db), old.hand_over(new, rfc3339(now()))]
    event = "compromised" if compromised else "rotated"
    detail = {"event": event, "old": old.public, "new": new.public, "compromised": compromised}
    if chain:
        detail |= {"said": chain[-1][0], "signed_by_old": chain[-1][1]}
    signed = await succession.replace(db, new.public, chain, lambda text: new.endorse(JOBS, text), detail)
    place.adopt_fleet_key(new.public)
    return {"old": old.public, "new": new.public, "orders signed anew": signed}


async def _authority(settings: Settings, place: DataFolder, db: Database, *, compromised: bool) -> dict[str, Any]:
    origin = place.log_key(settings.log.origin).origin
    old = place.authority(f"Pumpkin {origin}")
    new = place.replace_authority(f"Pumpkin {origin} {secrets.token_hex(2)}", trusted=not compromised)
    before, after = (sha256(one.chain[-1]).hexdigest() for one in (old, new))
    event = "compromised" if compromised else "rotated"
    detail = {"old_root": before, "new_root": after, "policy": new.policy}
    await signing.event(db, "authority", "local", after, event, detail)
    series = Series("local", "local", [new.root_pem], new.policy, self_asserted=True)
    done = await Renewer(db).renew(asker(lambda: [Exchange(series, LocalTsa(new).ask, now)]), every=True)
    return {"old root": before, "new root": after, "stamps renewed": sum(one.stamps for one in done)}
