"""The offline bundle: all that proves one or many checks, as a zip that needs neither Pumpkin nor its operator.

One check lies flat; several lie in `checks/<uuid>/` and share what each stamp is made of:

    payload.bin payload-salt.bin record.json detail.json probe-key.pem     absent where there is none (or erased)
    authorities/<name>/   proof.txt evidence.ers                           this check's own way to the token
                          checkpoint.txt anchor.bin token.tsr token.tsq chain.pem revocation/*
    after/                checkpoint.txt token.tsr                         the lower bound of time
    direct/               token.tsr chain.pem                              a token over the payload alone
    renewals/<number>/    data.bin token.tsr token.tsq chain.pem revocation/*   newer tokens within evidence.ers
    trust-root.pem log-key.pem cosignatures/*.txt manifest.json manifest.sig verify.sh README.txt

In a bundle of several, `checks/<uuid>/authorities/<name>/` holds the first line's files and
`authorities/<name>-<size>/` the shared ones, where size is that of the checkpoint (it stands in proof.txt).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from pumpkin.errors import NotSealed
from pumpkin.evidence import bundle_zip, merkle
from pumpkin.evidence.checkpoint import LogKey, VerifierKey
from pumpkin.evidence.record import canonical, canonical_detail
from pumpkin.model.checks import Check
from pumpkin.model.proofs import Stamp

VERSION = "pumpkin-bundle/1"

_SLUG = re.compile(r"[^a-z0-9]+")
_PROOF = re.compile(r"index (0|[1-9][0-9]{0,18})\nsize ([1-9][0-9]{0,18})\n((?:[LR] [0-9a-f]{64}\n){0,63})\Z")
_REVOCATION = re.compile(r"(?:crl|ocsp)[a-z0-9-]{0,40}\Z")


@dataclass(frozen=True, slots=True)
class RenewedBy:
    """A renewal whose token stands in the evidence records it covers: its number in the log's house, the bytes it
    stamps, request and response in DER, chain in DER leaf first, and what was captured of revocation."""

    number: int
    data: bytes
    query: bytes
    response: bytes
    chain: tuple[bytes, ...]
    revocation: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stamped:
    """How one check reaches one authority's token: the checkpoint's signed note, the inclusion path in its tree
    (leaf to root), and the check's RFC 4998 EvidenceRecord in DER, where there is one."""

    stamp: Stamp
    note: str
    path: Sequence[bytes]
    evidence: bytes | None = None
    renewals: Sequence[RenewedBy] = ()


@dataclass(frozen=True, slots=True)
class After:
    """The checkpoint a record's `after` names, and the response whose token that checkpoint names (`sign`'s
    extension `token <sha256>`), which bounds the record's time from below."""

    note: str
    response: bytes | None = None
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Direct:
    """A token over the payload alone: response or bare token in DER, chain in DER, leaf first."""

    response: bytes
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """All that proves one check. `probe_key` is the 32 bytes of the Ed25519 key that made the record's `sig`."""

    check: Check
    stamps: Sequence[Stamped]
    direct: Direct | None = None
    after: After | None = None
    probe_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's signature line of a checkpoint, with the witness's key as vkey text."""

    witness: str
    note: str
    line: str


@dataclass(slots=True)
class _Files:
    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, name: str, data: bytes | None) -> None:
        if data is not None and self.files.setdefault(name, data) != data:
            raise ValueError(f"two contents for {name}")


def write(proofs: Sequence[Proof], key: LogKey, *, cosignatures: Sequence[Cosignature] = ()) -> bytes:
    """The bundle of one or many checks as zip bytes; the same input gives the same bytes.

    `key` signs the manifest. NotSealed when a check has no stamp yet; ValueError for none, or one twice.
    """
    if not proofs or len({proof.check.id for proof in proofs}) != len(proofs):
        raise ValueError("a bundle holds each check once, and at least one")
    out = _Files()
    slugs = _slugs([stamped.stamp.authority for proof in proofs for stamped in proof.stamps])
    for proof in proofs:
        folder = "" if len(proofs) == 1 else f"checks/{proof.check.id}/"
        _put_check(out, folder, proof)
        for stamped in proof.stamps:
            slug = slugs[stamped.stamp.authority]
            shared = f"authorities/{slug}/" if not folder else f"authorities/{slug}-{stamped.stamp.size}/"
            _put_stamp(out, f"{folder}authorities/{slug}/", shared, proof.check.seq, stamped)
    renewals = {one.number: one for proof in proofs for stamped in proof.stamps for one in stamped.renewals}
    for number, renewal in renewals.items():
        _put_renewal(out, f"renewals/{number}/", renewal)
    chains = [stamped.stamp.chain for proof in proofs for stamped in proof.stamps]
    chains += [renewal.chain for renewal in renewals.values()]
    chains += [part.chain for proof in proofs for part in (proof.direct, proof.after) if part]
    out.put("trust-root.pem", _pem(dict.fromkeys(chain[-1] for chain in chains if chain)))
    out.put("log-key.pem", key.public_pem)
    for n, one in enumerate(cosignatures):
        text = one.note.partition("\n\n")[0]
        out.put(f"cosignatures/{n:03d}.txt", f"{one.witness}\n{text}\n\n{one.line}\n".encode())
    out.put("verify.sh", data_file("verify.sh"))
    out.put("README.txt", data_file("bundle-readme.txt"))
    manifest = manifest_of(out.files, key.verifier)
    return bundle_zip.pack(
        {**out.files, "manifest.json": manifest, "manifest.sig": key.sign_bytes(manifest)},
    )


def manifest_of(files: Mapping[str, bytes], key: VerifierKey) -> bytes:
    """The bytes of manifest.json: the SHA-256 of every other file, canonical."""
    digests = {name: sha256(data).hexdigest() for name, data in files.items()}
    return canonical({"v": VERSION, "log": key.text, "files": digests})


def proof_text(index: int, size: int, path: Sequence[bytes]) -> bytes:
    """proof.txt (rulings.md 7): index, size, then the siblings from leaf to root with their side."""
    lines = [f"index {index}", f"size {size}"]
    lines += [f"{side} {sibling.hex()}" for side, sibling in merkle.directed(index, size, path)]
    return "\n".join([*lines, ""]).encode()


def parse_proof(data: bytes) -> tuple[int, int, list[bytes]]:
    """Index, size and path of a proof.txt. ValueError for any other spelling than `proof_text`'s."""
    match = _PROOF.match(data.decode("ascii")) if len(data) < 8_192 else None
    if not match:
        raise ValueError("not a proof: index, size, then one sibling a line")
    index, size = int(match[1]), int(match[2])
    path = [bytes.fromhex(line[2:]) for line in match[3].splitlines()]
    if proof_text(index, size, path) != data:
        raise ValueError("the proof's sides are not those of its index and size")
    return index, size, path


def data_file(name: str) -> bytes:
    """A file that every bundle carries as it is: verify.sh, bundle-readme.txt."""
    return resources.files("pumpkin.evidence").joinpath(name).read_bytes()


def _put_check(out: _Files, folder: str, proof: Proof) -> None:
    check = proof.check
    if not proof.stamps:
        raise NotSealed("The check is not yet stamped by any authority; ask again in a second.")
    out.put(f"{folder}record.json", check.record)
    if check.payload is not None and check.payload_salt is not None:
        out.put(f"{folder}payload.bin", check.payload)
        out.put(f"{folder}payload-salt.bin", check.payload_salt)
        out.put(f"{folder}detail.json", canonical_detail(check.detail) if check.detail else None)
    if proof.probe_key is not None:
        out.put(f"{folder}probe-key.pem", VerifierKey("probe", proof.probe_key).pem)
    if proof.after:
        out.put(f"{folder}after/checkpoint.txt", proof.after.note.encode())
        out.put(f"{folder}after/token.tsr", proof.after.response)
        out.put(f"{folder}after/chain.pem", _pem(proof.after.chain) if proof.after.response else None)
    if proof.direct:
        out.put(f"{folder}direct/token.tsr", proof.direct.response)
        out.put(f"{folder}direct/chain.pem", _pem(proof.direct.chain))


def _put_stamp(out: _Files, own: str, shared: str, seq: int, stamped: Stamped) -> None:
    stamp = stamped.stamp
    out.put(f"{own}proof.txt", proof_text(seq, stamp.size, stamped.path))
    out.put(f"{own}evidence.ers", stamped.evidence)
    out.put(f"{shared}checkpoint.txt", stamped.note.encode())
    out.put(f"{shared}anchor.bin", stamp.anchor)
    out.put(f"{shared}token.tsr", stamp.response)
    out.put(f"{shared}token.tsq", stamp.query)
    out.put(f"{shared}chain.pem", _pem(stamp.chain))
    for name, data in sorted(stamp.revocation.items()):
        if _REVOCATION.match(name):
            out.put(f"{shared}revocation/{name}", data)


def _put_renewal(out: _Files, folder: str, renewal: RenewedBy) -> None:
    out.put(f"{folder}data.bin", renewal.data)
    out.put(f"{folder}token.tsr", renewal.response)
    out.put(f"{folder}token.tsq", renewal.query)
    out.put(f"{folder}chain.pem", _pem(renewal.chain))
    for name, data in sorted(renewal.revocation.items()):
        if _REVOCATION.match(name):
            out.put(f"{folder}revocation/{name}", data)


def _slugs(names: Sequence[str]) -> dict[str, str]:
    """A folder name for each authority: its own name where that will do, a number where two would be one."""
    slugs: dict[str, str] = {}
    for name in sorted(set(names)):
        slug = _SLUG.sub("-", name.casefold()).strip("-")[:40] or "authority"
        taken = sum(other == slug or other.startswith(f"{slug}.") for other in slugs.values())
        slugs[name] = f"{slug}.{taken + 1}" if taken else slug
    return slugs


def _pem(chain: Sequence[bytes] | Mapping[bytes, None]) -> bytes:
    return b"".join(x509.load_der_x509_certificate(one).public_bytes(serialization.Encoding.PEM) for one in chain)
