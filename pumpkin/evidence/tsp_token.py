"""A time-stamp response or bare token taken apart (RFC 3161 section 2.4.2, RFC 5652): form only, no judgement.

Reads DER; what is not DER but BER in its unsigned parts is converted first and marked `ber`. The signed parts
(TSTInfo, signed attributes) are kept as the bytes that were signed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pumpkin.evidence import der
from pumpkin.evidence.der import Element, NotDer
from pumpkin.evidence.tsp_query import algorithm, imprint

MAX_RESPONSE_BYTES = 1024 * 1024
"""More than any response with certificates and revocation lists; the network's own limit is 64 KiB."""

_MAX_FIELD_BYTES = 1024
"""Of a serial number or name. RFC 3161 wants 20 bytes taken for a serial; Python prints numbers of some 1,700."""

SIGNED_DATA = der.put_oid("1.2.840.113549.1.7.2")[2:]
TST_INFO = "1.2.840.113549.1.9.16.1.4"


@dataclass(frozen=True, slots=True)
class Info:
    """TSTInfo. Times in microseconds; `accuracy` None when the authority claims none; `tsa` the GeneralName in DER."""

    version: int
    policy: str
    algorithm: str
    digest: bytes
    serial: int
    gen_time: int
    accuracy: int | None
    nonce: int | None
    tsa: bytes | None
    critical: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signer:
    """A SignerInfo. One of (`issuer`, `serial`) or `key_id` names the certificate; `signed` is the DER of the signed
    attributes as a SET, `attributes` their values by identifier; `signature_algorithm` the AlgorithmIdentifier."""

    version: int
    issuer: bytes | None
    serial: int | None
    key_id: bytes | None
    digest: str
    signed: bytes | None
    attributes: dict[str, bytes]
    signature_algorithm: bytes
    signature: bytes
    unsigned: bool


@dataclass(frozen=True, slots=True)
class Token:
    """A TimeStampToken: `der` the whole ContentInfo; `content` the TSTInfo as signed (None when the content is of
    another type); `certificates` and `crls` in DER; `digests` what SignedData announces."""

    der: bytes
    version: int
    content_type: str
    content: bytes | None
    info: Info | None
    digests: tuple[str, ...]
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    signers: tuple[Signer, ...]


@dataclass(frozen=True, slots=True)
class Response:
    """`status` is None for a bare token; `text` the PKIStatusInfo's words, `failure` its bits' numbers."""

    status: int | None
    text: str
    failure: tuple[int, ...]
    token: Token | None
    ber: bool


def parse_response(data: bytes) -> Response:
    """Raises NotDer for anything that is neither a TimeStampResp nor a TimeStampToken, or has bytes after it."""
    try:
        return _response(data)
    except NotDer as error:
        try:
            converted = der.to_der(data)
        except NotDer:
            raise error from None
        if converted == data:
            raise
        return replace(_response(converted), ber=True)


def token_bytes(data: bytes) -> bytes:
    """DER of the ContentInfo inside a response, or of the bare token itself. Raises NotDer when there is none."""
    token = parse_response(data).token
    if token is None:
        raise NotDer("the response holds no token")
    return token.der


def in_der_order(token: bytes) -> bytes:
    """The ContentInfo with its certificates and revocation lists in the order DER wants (openssl writes them as they
    come), so that whoever encodes it again, as BouncyCastle does, gets the same bytes. No signature covers these."""
    outer = der.children(token, der.whole(token, der.SEQUENCE))
    inner = der.children(token, _only(token, outer[1], der.SEQUENCE))
    parts = [
        der.put_set(part[0], [der.encoded(token, one) for one in der.children(token, part)])
        if part[0] in (0xA0, 0xA1)
        else der.encoded(token, part)
        for part in inner
    ]
    signed = der.put(0xA0, der.put(der.SEQUENCE, *parts))
    return der.put(der.SEQUENCE, der.encoded(token, outer[0]), signed)


def _response(data: bytes) -> Response:
    parts = der.children(data, der.whole(data, der.SEQUENCE))
    if not parts or len(parts) > 2:
        raise NotDer("no response")
    if parts[0][0] == der.OID:
        return Response(None, "", (), _token(data), ber=False)
    if parts[0][0] != der.SEQUENCE:
        raise NotDer("no status")
    status, text, failure = _status(data, parts[0])
    token = _token(der.encoded(data, parts[1])) if len(parts) == 2 else None
    return Response(status, text, failure, token, ber=False)


def _status(data: bytes, found: Element) -> tuple[int, str, tuple[int, ...]]:
    parts = der.children(data, found)
    if not parts:
        raise NotDer("empty status")
    status, text = der.read_integer(data, parts[0]), ""
    failure: tuple[int, ...] = ()
    for part in parts[1:]:
        if part[0] == der.SEQUENCE and not text:
            lines = (der.expect(data, line, der.UTF8_STRING) for line in der.children(data, part))
            text = b" ".join(lines).decode("utf-8", "replace")[:500] or " "
        elif part[0] == der.BIT_STRING and part is parts[-1]:
            bits = der.expect(data, part, der.BIT_STRING)[1:9]
            failure = tuple(n for n in range(8 * len(bits)) if bits[n // 8] >> (7 - n % 8) & 1)
        else:
            raise NotDer("status")
    return status, text, failure


def _token(data: bytes) -> Token:
    parts = der.children(data, der.whole(data, der.SEQUENCE))
    if len(parts) != 2 or parts[1][0] != 0xA0 or der.expect(data, parts[0], der.OID) != SIGNED_DATA:
        raise NotDer("the token is no SignedData")
    signed = _only(data, parts[1], der.SEQUENCE)
    rest = der.children(data, signed)
    if len(rest) < 4 or rest[1][0] != der.SET or rest[2][0] != der.SEQUENCE or rest[-1][0] != der.SET:
        raise NotDer("SignedData")
    content_type, content = _content(data, rest[2])
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    for position, part in enumerate(rest[3:-1]):
        members = tuple(der.encoded(data, one) for one in der.children(data, part))
        if part[0] == 0xA0 and position == 0:
            certificates = members
        elif part[0] == 0xA1 and not crls:
            crls = members
        else:
            raise NotDer("SignedData")
    return Token(
        data,
        der.read_integer(data, rest[0]),
        content_type,
        content,
        _info(content) if content is not None and content_type == TST_INFO else None,
        tuple(algorithm(data, one) for one in der.children(data, rest[1])),
        certificates,
        crls,
        tuple(_signer(data, one) for one in der.children(data, rest[-1])),
    )


def _content(data: bytes, found: Element) -> tuple[str, bytes | None]:
    parts = der.children(data, found)
    if not parts or len(parts) > 2 or (len(parts) == 2 and parts[1][0] != 0xA0):
        raise NotDer("encapsulated content")
    kind = der.read_oid(data, parts[0])
    if len(parts) == 1:
        return kind, None
    inner = _only(data, parts[1], der.OCTET_STRING)
    return kind, data[inner[2] : inner[3]]


def _info(content: bytes) -> Info:
    parts = der.children(content, der.whole(content, der.SEQUENCE))
    if len(parts) < 5:
        raise NotDer("TSTInfo")
    kind, digest = imprint(content, parts[2])
    rest = parts[5:]
    accuracy = _accuracy(content, rest.pop(0)) if rest and rest[0][0] == der.SEQUENCE else None
    if rest and rest[0][0] == der.BOOLEAN:
        der.read_boolean(content, rest.pop(0))
    nonce = der.read_integer(content, rest.pop(0)) if rest and rest[0][0] == der.INTEGER else None
    tsa = content[rest[0][2] : rest.pop(0)[3]] if rest and rest[0][0] == 0xA0 else None
    critical = _critical(content, rest.pop(0)) if rest and rest[0][0] == 0xA1 else ()
    if rest or max(parts[3][3] - parts[3][2], len(tsa or b"")) > _MAX_FIELD_BYTES:
        raise NotDer("TSTInfo")
    return Info(
        der.read_integer(content, parts[0]),
        der.read_oid(content, parts[1]),
        kind,
        digest,
        der.read_integer(content, parts[3]),
        der.read_time(content, parts[4]),
        accuracy,
        nonce,
        tsa,
        critical,
    )


def _accuracy(data: bytes, found: Element) -> int:
    """Microseconds; an absent field counts nothing (RFC 3161 section 2.4.2)."""
    total, last = 0, -1
    for part in der.children(data, found):
        order = {der.INTEGER: 0, 0x80: 1, 0x81: 2}.get(part[0], -1)
        value = der.read_integer(data, part, part[0])
        if order <= last or value < 0 or (order and not 1 <= value <= 999):
            raise NotDer("accuracy")
        last = order
        total += value * (1_000_000, 1000, 1)[order]
    return total


def _critical(data: bytes, found: Element) -> tuple[str, ...]:
    """The critical ones among TSTInfo's extensions."""
    critical = []
    for one in der.children(data, found):
        if one[0] != der.SEQUENCE:
            raise NotDer("extension")
        parts = der.children(data, one)
        if not 2 <= len(parts) <= 3 or parts[-1][0] != der.OCTET_STRING:
            raise NotDer("extension")
        if len(parts) == 3 and der.read_boolean(data, parts[1]):
            critical.append(der.read_oid(data, parts[0]))
    return tuple(critical)


def _signer(data: bytes, found: Element) -> Signer:
    if found[0] != der.SEQUENCE:
        raise NotDer("signer")
    parts = der.children(data, found)
    if len(parts) < 5:
        raise NotDer("signer")
    issuer, serial, key_id = _signer_id(data, parts[1])
    signed, attributes, rest = None, {}, parts[3:]
    if rest[0][0] == 0xA0:
        first = rest.pop(0)
        signed = b"\x31" + data[first[1] + 1 : first[3]]
        attributes = _attributes(data, first)
    if not 2 <= len(rest) <= 3 or rest[0][0] != der.SEQUENCE or (len(rest) == 3 and rest[2][0] != 0xA1):
        raise NotDer("signer")
    return Signer(
        der.read_integer(data, parts[0]),
        issuer,
        serial,
        key_id,
        algorithm(data, parts[2]),
        signed,
        attributes,
        der.encoded(data, rest[0]),
        der.expect(data, rest[1], der.OCTET_STRING),
        len(rest) == 3,
    )


def _signer_id(data: bytes, found: Element) -> tuple[bytes | None, int | None, bytes | None]:
    if found[0] == 0x80:
        return None, None, data[found[2] : found[3]]
    parts = der.children(data, found)
    if found[0] != der.SEQUENCE or len(parts) != 2:
        raise NotDer("signer identifier")
    return der.encoded(data, parts[0]), der.read_integer(data, parts[1]), None


def _attributes(data: bytes, found: Element) -> dict[str, bytes]:
    """Values of the signed attributes in DER. One that is twice there or has not one value is given as b"", which
    nothing accepts."""
    values: dict[str, bytes] = {}
    for one in der.children(data, found):
        parts = der.children(data, one)
        if one[0] != der.SEQUENCE or len(parts) != 2 or parts[1][0] != der.SET:
            raise NotDer("attribute")
        kind = der.read_oid(data, parts[0])
        inside = der.children(data, parts[1])
        values[kind] = der.encoded(data, inside[0]) if len(inside) == 1 and kind not in values else b""
    return values


def _only(data: bytes, found: Element, tag: int) -> Element:
    inside = der.children(data, found)
    if len(inside) != 1 or inside[0][0] != tag:
        raise NotDer(f"one element of tag {tag:#04x} expected at {found[1]}")
    return inside[0]
