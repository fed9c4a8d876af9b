"""A probe's own key: made once, kept in its folder, put to what it observes, and replaced by one it endorses itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pumpkin.evidence import keys, record
from pumpkin.model.checks import Observation
from pumpkin.probes.spool import Spool

KEPT = "signing"
WANTED = "signing_rotate"
LIFE_S = 365 * 86_400


class Signer:
    """Signs observations of `agent` (bare JID). `offer` is what the probe's report says of the key."""

    def __init__(self, agent: str, private: Ed25519PrivateKey, before: Ed25519PrivateKey | None = None) -> None:
        self._agent, self._private = agent, private
        self.key_id = keys.key_id(private.public_key().public_bytes_raw())
        self.offer: dict[str, Any] = keys.offer(agent, private, before)

    @classmethod
    async def open(cls, agent: str, spool: Spool, now: Callable[[], float] = time.time) -> Signer:
        """The key kept in `spool`, made where there is none, replaced where it is a year old or a new one is wanted."""
        kept = json.loads(await spool.recall(KEPT) or "{}")
        due = kept and (now() - kept["made"] > LIFE_S or await spool.recall(WANTED))
        if not kept or due:
            fresh = Ed25519PrivateKey.generate()
            kept = {"seed": fresh.private_bytes_raw().hex(), "before": kept.get("seed"), "made": now()}
            await spool.remember(KEPT, json.dumps(kept))
            await spool.remember(WANTED, "")
        before = _key(kept["before"]) if kept.get("before") else None
        return cls(agent, _key(kept["seed"]), before)

    def sign(self, seen: Observation) -> Observation:
        """The observation with its signature (rulings.md 4) and the key's id."""
        signature = self._private.sign(record.signed_bytes(seen))
        return replace(seen, signature=signature.hex(), key_id=self.key_id)


async def want_another(spool: Spool) -> None:
    """Have the next `open` make a new key."""
    await spool.remember(WANTED, "1")


def _key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
