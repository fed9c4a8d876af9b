"""The nouns of the log and its time-stamps. Hashes are 32 bytes, times integer microseconds UTC."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed tree head (C2SP tlog-checkpoint). `note` is the whole signed note; `group_root` the RFC 4998 root
    over the groups {record, payload} of the records this checkpoint added (from `start` up to `size`)."""

    size: int
    start: int
    root: bytes
    group_root: bytes
    note: str
    sealed: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """A verified token of one authority over one checkpoint; it covers the records `start` up to `size`,
    that is everything since that authority's last stamp (rulings.md 7).

    `anchor` is the 64 bytes sort(H(checkpoint), R); `response` the whole TimeStampResp in DER, `query` the request;
    `chain` certificates in DER, leaf first; `revocation` what was captured with it, by name.
    """

    id: int
    authority: str
    start: int
    size: int
    anchor: bytes
    query: bytes
    response: bytes
    chain: tuple[bytes, ...]
    gen_time: int
    accuracy: int
    self_asserted: bool
    revocation: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying a token gave. `code` is "ok" or one of contracts/evidence.md's codes; times in microseconds.
    `chain` is DER, leaf first. `warnings` are sentences; they never change `ok`."""

    ok: bool
    code: str
    gen_time: int | None = None
    accuracy: int | None = None
    policy: str | None = None
    serial: int | None = None
    tsa: str | None = None
    chain: tuple[bytes, ...] = ()
    warnings: tuple[str, ...] = ()
    detail: str = ""
