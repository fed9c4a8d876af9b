"""Whether data folder and database belong together: a log is gone on with where both know it, and begun once.

The database remembers which log it holds (the fact `log`), and the folder what it has seen of it (`Mark`). A start on
another database, on an older copy of it, or without its key would let two logs of one name and one key go different
ways: a fork, which the log's readers must take for a fraud. So such a start is refused, before anything is written.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import asdict, dataclass

from pumpkin.errors import StartRefused
from pumpkin.evidence import checkpoint
from pumpkin.evidence.checkpoint import BadNote, LogKey
from pumpkin.model.proofs import Checkpoint
from pumpkin.store import checks, facts, proofs
from pumpkin.store.database import Database

FACT, VAULT = "log", "vault"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a data folder has seen of its log: `log` is the id the database gave it (16 hex digits), `size` and `root`
    (hex) are those of the newest checkpoint at the last start or stop."""

    log: str
    origin: str
    size: int = 0
    root: str = ""

    @property
    def text(self) -> str:
        """As it lies in the file."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def parse(cls, text: str) -> Mark:
        """The mark of a file. ValueError where it is none."""
        value = json.loads(text)
        mark = cls(**value) if isinstance(value, dict) and value.keys() <= set(cls.__slots__) else None
        if mark is None or not all(type(one) is str for one in (mark.log, mark.origin, mark.root)):
            raise ValueError("not the mark of a log")
        if type(mark.size) is not int or mark.size < 0:
            raise ValueError("not the size of a log")
        return mark


@dataclass(frozen=True, slots=True)
class Held:
    """The log that a database holds; `log` is "" where the database was filled before it was given an id."""

    log: str
    origin: str
    head: Checkpoint | None


async def held(db: Database) -> Held | None:
    """The log in the database; None where it has none. The origin is "" where no checkpoint tells it yet."""
    fact = await facts.get(db, FACT) or {}
    head = await proofs.latest_checkpoint(db)
    if not fact and head is None and not await checks.size(db):
        return None
    origin = fact.get("origin") or (head.note.partition("\n")[0] if head else "")
    return Held(fact.get("log", ""), origin, head)


async def compare(db: Database, found: Held | None, mark: Mark | None, where: str, folder: str) -> None:
    """StartRefused, naming both, where the database (called `where`) does not hold the log that `folder` has seen."""
    if mark is None:
        return
    seen = f"The data folder {folder} belongs to the log {mark.origin} ({mark.size:,} checks sealed when last seen)"
    if found is None:
        raise StartRefused(
            f"{seen}, and {where} holds no log. To go on at 0 would be a second log under the same name and key: name "
            "the right database (setting database), mount it, or restore a backup. `pumpkin run --new-log` puts the "
            "old key aside and begins another log, under another name."
        )
    if found.origin and found.origin != mark.origin:
        raise StartRefused(f"{seen}, and {where} holds the log {found.origin}: name the database or the folder of it.")
    if found.log and found.log != mark.log:
        raise StartRefused(
            f"{seen}, and {where} holds another log that was begun under the same name: name the right database."
        )
    size = found.head.size if found.head else 0
    then = await proofs.checkpoint(db, mark.size) if mark.size else None
    if size < mark.size or (then is not None and then.root.hex() != mark.root):
        raise StartRefused(
            f"{seen}, and {where} holds {size:,} of them, or others: an older copy of the database, from which the log "
            "must not go on, as it would fork. Name the right one. If the rest is lost for good, and the fork may be "
            "seen by every witness, remove log-seen.json from the data folder."
        )


def signed_by(found: Held | None, key: LogKey, folder: str) -> None:
    """StartRefused where `key` is not the one whose signature stands under the database's newest checkpoint."""
    if found is None:
        return
    if found.origin and found.origin != key.origin:
        raise StartRefused(
            f"This database holds the log {found.origin}, and the data folder the key of the log {key.origin}: "
            "name the data folder that belongs to it, or another database."
        )
    if found.head is None:
        return
    try:
        checkpoint.open_note(found.head.note, key.verifier)
    except BadNote:
        raise StartRefused(
            f"{folder}/log-key.secret.pem is not the key that signed the log {found.origin} in this database: put the "
            "right one back (another node or a backup has it)."
        ) from None


async def keep(db: Database, origin: str) -> Mark:
    """Give the database's log its id, where it has none, and what the folder is to remember now."""
    fact = await facts.once(db, FACT, {"log": secrets.token_hex(8), "origin": origin})
    if fact["origin"] != origin:
        raise StartRefused(
            f"Another node has just begun the log {fact['origin']} on this database; give all the same keys."
        )
    head = await proofs.latest_checkpoint(db)
    return Mark(fact["log"], origin, head.size if head else 0, head.root.hex() if head else "")


async def same_vault(db: Database, key: bytes | None, folder: str) -> None:
    """StartRefused where secrets in the database are closed under another key than `key` (None: there is no file).

    The first key that comes is remembered, by what cannot be turned back into it.
    """
    known = await facts.get(db, VAULT)
    if key is None:
        if known is not None:
            raise StartRefused(
                f"{folder}/log-vault.secret.key is missing, under which this database keeps second factors and "
                "passwords: put it back (another node or a backup has it)."
            )
        return
    told = hmac.digest(key, b"pumpkin vault", "sha256").hex()[:32]
    if (known or await facts.once(db, VAULT, told)) != told:
        raise StartRefused(
            f"{folder}/log-vault.secret.key is not the key under which this database keeps second factors and "
            "passwords: put the right one back (another node or a backup has it)."
        )
