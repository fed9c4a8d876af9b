"""A small house for tests: a log with its key, a local authority, checks sealed and stamped; all of it real."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from uuid import uuid4

from pumpkin.evidence import bundle, checkpoint, groups, merkle, proof, record, tsp
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.checkpoint import LogKey
from pumpkin.model.checks import Check, Observation
from pumpkin.model.proofs import Stamp

ORIGIN = "log.example/pumpkin"
US = 1_000_000


def now():
    return time.time_ns() // 1000


def stored(seq, observation, *, received=None, payload_salt=None):
    """The row that a stored observation gives."""
    received = received or now()
    sealed = record.make(observation, received, payload_salt=payload_salt)
    return Check(
        seq=seq,
        id=observation.id,
        kind=observation.kind,
        type=observation.type,
        format=observation.format,
        agent=observation.agent,
        key_id=observation.key_id,
        observed=observation.observed,
        received=received,
        after=observation.after,
        signature=observation.signature,
        detail=observation.detail,
        wire=observation.wire,
        payload=observation.payload,
        payload_salt=sealed.payload_salt,
        media=observation.media,
        size=len(observation.payload),
        direct=observation.direct,
        encrypted=observation.encrypted,
        record=sealed.record,
        leaf_hash=sealed.leaf_hash,
        group_hash=sealed.group_hash,
    )


@dataclass
class House:
    """One log. `add` takes checks in, `stamp` seals what there is and has an authority stamp it all."""

    key: LogKey = field(default_factory=lambda: LogKey.generate(ORIGIN))
    checks: list[Check] = field(default_factory=list)
    stamped: dict[str, int] = field(default_factory=dict)

    def add(self, payload=b"payload", **members):
        given = {"type": "http", "format": "json", "agent": "probe@localhost", "observed": now(), **members}
        check = stored(len(self.checks), Observation(id=given.pop("id", None) or uuid4(), payload=payload, **given))
        self.checks.append(check)
        return check

    def fill(self, count):
        for n in range(count):
            self.add(f"payload {n}".encode())
        return self

    def note(self, size=None, **extensions):
        leaves = [check.leaf_hash for check in self.checks[:size]]
        return checkpoint.sign(self.key.origin, len(leaves), merkle.root(leaves), self.key, **extensions)

    def stamp(self, authority, name="local"):
        """(stamp, note) of the newest checkpoint by `authority`."""
        note, size = self.note(), len(self.checks)
        start = self.stamped.get(name, 0)
        self.stamped[name] = size
        anchor = groups.anchor(note, groups.group_root([check.group_hash for check in self.checks[start:]]))
        return stamp_over(authority, name, anchor, start, size), note

    def proof(self, seq, *stamps, **members):
        """The proof of one check by stamps (as `stamp` gave them) that cover it."""
        check = self.checks[seq]
        ways = []
        for stamp, note in stamps:
            leaves = [one.leaf_hash for one in self.checks[: stamp.size]]
            batch = [one.group_hash for one in self.checks[stamp.start : stamp.size]]
            evidence = proof.evidence_record(
                check.record,
                check.payload,
                batch=batch,
                index=seq - stamp.start,
                batches=[groups.group_root(batch)],
                batch_index=0,
                note=note,
                response=stamp.response,
            )
            ways.append(bundle.Stamped(stamp, note, merkle.inclusion_path(leaves, seq), evidence))
        return bundle.Proof(check, ways, **members)


def stamp_over(authority, name, anchor, start, size):
    digest = record.sha256(anchor).digest()
    query = tsp.make_query(digest)
    response = authority.respond(query)
    return Stamp(
        id=1,
        authority=name,
        start=start,
        size=size,
        anchor=anchor,
        query=query,
        response=response,
        chain=authority.chain,
        gen_time=tsp.gen_time(response),
        accuracy=US,
        self_asserted=True,
    )


def erased(check):
    return replace(check, payload=None, payload_salt=None)


def small(payload=b"up", count=5, seq=3, **members):
    """(house, authority, bundle bytes) of one check among `count`."""
    house, authority = House(), Authority.create("Test")
    for n in range(count):
        house.add(payload if n == seq else f"other {n}".encode(), **(members if n == seq else {}))
    return house, authority, bundle.write([house.proof(seq, house.stamp(authority))], house.key)
