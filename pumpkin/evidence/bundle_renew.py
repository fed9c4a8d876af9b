"""Renew a bundle without its house: whoever holds it has one newer token cover every evidence record in it.

The log's key signed the manifest, and the holder has none; so what the holder adds stands outside it, in `renewed/`:
the evidence records with the newer token in them, each named by its own SHA-256. They begin with what is signed for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from pumpkin.evidence import bundle_zip, ers, groups, renewal

NAME = re.compile(r"renewed/([0-9a-f]{64})\.ers\Z")
_EVIDENCE = re.compile(r"((?:checks/[0-9a-f-]{36}/)?)authorities/[^/]+/evidence\.ers\Z")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one token must cover: `data` the bytes to stamp by `digest`, `records` the evidence records as they are,
    `firsts` the first list of each one's group where the checks are hashed again, `leaves` the tree's."""

    data: bytes
    digest: str
    records: Sequence[bytes]
    firsts: Sequence[Sequence[bytes]]
    leaves: Sequence[bytes]


def plan(content: bytes, digest: str | None = None) -> Plan:
    """What to have stamped for this bundle: by time-stamp renewal, or with `digest` by hash-tree renewal. ValueError
    when it is no bundle, or holds no evidence record (of a check with its payload)."""
    files = bundle_zip.unpack(content)
    found = [(match[1], newest(files, files[name])) for name in sorted(files) if (match := _EVIDENCE.match(name))]
    if digest:
        found = [(folder, record) for folder, record in found if f"{folder}payload.bin" in files]
    if not found:
        raise ValueError("it holds no evidence record to renew")
    records = [record for _, record in found]
    if digest:
        pairs = [
            renewal.rehashed(record, (files[f"{folder}record.json"], files[f"{folder}payload.bin"]), digest)
            for folder, record in found
        ]
        firsts, leaves = [first for first, _ in pairs], [leaf for _, leaf in pairs]
        alone = b"".join(firsts[0])
        return Plan(renewal.stamped_data(leaves, alone, digest), digest, records, firsts, leaves)
    names = {ers.renewal_digest(record)[0] for record in records}
    if len(names) != 1:
        raise ValueError("its evidence records use several digests; hash them again by one with --digest")
    name = names.pop()
    leaves = [ers.renewal_digest(record)[1] for record in records]
    chain = [stamp.token for stamp in ers.parse(records[0]).chains[-1]]
    return Plan(renewal.stamped_data(leaves, renewal.preimage(chain, name), name), name, records, (), leaves)


def renewed(content: bytes, plan: Plan, response: bytes) -> bytes:
    """The bundle with the renewed records in `renewed/`; older ones that these continue are left out."""
    files = {name: data for name, data in bundle_zip.unpack(content).items() if not NAME.match(name)}
    for n, record in enumerate(plan.records):
        above = groups.reduced_tree(plan.leaves, n, plan.digest)
        if plan.firsts:
            again = ers.renew_hashtree(record, [plan.firsts[n], *above], response)
        else:
            again = ers.renew_timestamp(record, response, above)
        files[f"renewed/{sha256(again).hexdigest()}.ers"] = again
    return bundle_zip.pack(files)


def misnamed(files: Mapping[str, bytes]) -> str:
    """The first file in `renewed/` whose name is not its SHA-256; empty where all are as they should be."""
    for name, data in sorted(files.items()):
        if name.startswith("renewed/") and name != f"renewed/{sha256(data).hexdigest()}.ers":
            return name
    return ""


def newest(files: Mapping[str, bytes], record: bytes) -> bytes:
    """The longest evidence record in `renewed/` that continues this one; itself where there is none."""
    best, most = record, ers.tokens(record)
    for name, data in files.items():
        if not NAME.match(name):
            continue
        try:
            tokens = ers.tokens(data)
            own = ers.parse(data)
        except ValueError:
            continue
        if len(tokens) > len(most) and tokens[: len(most)] == most and _same_start(own, ers.parse(record)):
            best, most = data, tokens
    return best


def _same_start(longer: ers.Record, shorter: ers.Record) -> bool:
    """Whether the first archive time-stamp, tree included, is the same: many checks share a token, not a tree."""
    return longer.chains[0][0] == shorter.chains[0][0]
