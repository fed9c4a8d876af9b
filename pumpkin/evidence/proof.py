"""From the hashes the store keeps to the RFC 4998 evidence record of one check."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from pumpkin.evidence import ers, groups


def evidence_record(
    record: bytes,
    payload: bytes | None,
    *,
    batch: Sequence[bytes],
    index: int,
    batches: Sequence[bytes],
    batch_index: int,
    note: str,
    response: bytes,
) -> bytes | None:
    """The EvidenceRecord (DER) of {record, payload}, by the token in `response` over the checkpoint `note`.

    `batch` are the group hashes of the records that the check's own checkpoint added, `index` its place among them;
    `batches` the group roots of the checkpoints the stamp covers, `batch_index` the place of that one. None when the
    payload is erased: its group can no longer be written. ValueError when the hashes do not lead to the token.
    """
    if payload is None:
        return None
    lists = [
        groups.first_list(record, sha256(payload).digest()),
        *groups.reduced_tree(batch, index),
        *groups.reduced_tree(batches, batch_index),
        [groups.body_hash(note)],
    ]
    return ers.build(lists, response)
