"""`pumpkin rekey`: a new key for the log or the local authority; old statements stay as good as they are."""

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
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, work
from pumpkin.commands.renew import now
from pumpkin.evidence import checkpoint, keys
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.renewer import Renewer
from pumpkin.settings import Settings
from pumpkin.store import proofs, signing
from pumpkin.store.database import Database

PAGE = 2_000


@click.command()
@click.argument("which", type=click.Choice(["log", "authority"]))
@click.option("--compromised", is_flag=True, help="Somebody else may have the key: say so in the log's history.")
@data_option
@config_option
@json_option
def rekey(which: str, compromised: bool, data: Path | None, config: Path | None, as_json: bool) -> None:
    """Replace the key of the log or of the local authority, while the server rests.

    \b
    log        Every checkpoint there is gets a signature by the new key beside the old one's. The old key signs
               that the new one follows it; its secret half is then deleted, its public half kept.
    authority  A new local authority takes over and stamps every older token (one renewal); the old key is deleted.
    """
    settings = load(data, config)
    place = DataFolder(settings.data)

    async def job() -> dict[str, Any]:
        place.claim()
        try:
            async with database(settings) as db:
                if which == "log":
                    return await _log(settings, place, db, compromised=compromised)
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
