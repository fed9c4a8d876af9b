"""The DER reader and writer: against known encodings, pyasn1, and itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der import decoder, encoder
from pyasn1.type import univ, useful

from pumpkin.evidence import der
from pumpkin.evidence.der import NotDer

ARCS = st.one_of(
    st.tuples(st.integers(0, 1), st.integers(0, 39)), st.tuples(st.just(2), st.integers(0, 2**128))
).flatmap(lambda first: st.lists(st.integers(0, 2**70), max_size=8).map(lambda rest: [*first, *rest]))


@given(st.integers(-(2**200), 2**200))
def test_integers_are_written_as_pyasn1_does_and_read_back(value: int) -> None:
    written = der.put_integer(value)
    assert written == encoder.encode(univ.Integer(value))
    assert der.read_integer(written, der.whole(written, der.INTEGER)) == value


@given(ARCS)
def test_object_identifiers_are_written_as_pyasn1_does_and_read_back(arcs: list[int]) -> None:
    text = ".".join(map(str, arcs))
    written = der.put_oid(text)
    assert written == encoder.encode(univ.ObjectIdentifier(text))
    assert der.read_oid(written, der.whole(written, der.OID)) == text


@given(st.integers(0, 253_402_300_799_999_999))
def test_times_come_back_to_the_microsecond(moment: int) -> None:
    written = der.put_time(moment)
    read, rest = decoder.decode(written, asn1Spec=useful.GeneralizedTime())
    assert rest == b""
    assert int(read.asDateTime.replace(microsecond=0).timestamp()) == moment // 1_000_000
    assert der.read_time(written, der.whole(written, der.GENERALIZED_TIME)) == moment


@given(st.binary(max_size=70_000))
def test_lengths_are_minimal(contents: bytes) -> None:
    written = der.put(der.OCTET_STRING, contents)
    assert written == encoder.encode(univ.OctetString(contents))
    assert der.expect(written, der.whole(written, der.OCTET_STRING), der.OCTET_STRING) == contents


@pytest.mark.parametrize(
    "text",
    [
        "20260601120000",
        "20260601120000.Z",
        "2026060112000Z",
        "20261301120000Z",
        "20260601120060Z",
        "20260601120000,5Z",
        "20260601120000.5+02",
        "٢0260601120000Z",
        "20260601120000." + "1" * 40 + "Z",
        "",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    written = der.put(der.GENERALIZED_TIME, text.encode())
    with pytest.raises(NotDer):
        der.read_time(written, der.whole(written, der.GENERALIZED_TIME))


@pytest.mark.parametrize(
    "data",
    [
        "",
        "30",
        "3081",
        "308101",
        "30820001",
        "3080 0000",
        "30 81 01 00",
        "30 82 00 01 00",
        "3084ffffffff",
        "1f8100",
        "30 00 00",
        "30 85 00 00 00 00 00",
    ],
)
def test_what_is_no_der_is_refused(data: str) -> None:
    with pytest.raises(NotDer):
        der.whole(bytes.fromhex(data), der.SEQUENCE)


@pytest.mark.parametrize("data", ["0200", "02020001", "0202ff80", "020200ff"[:6] + "7f"])
def test_integers_not_minimal_are_refused(data: str) -> None:
    encoded = bytes.fromhex(data)
    with pytest.raises(NotDer):
        der.read_integer(encoded, der.whole(encoded, der.INTEGER))


@pytest.mark.parametrize("text", ["1", "1.40", "3.1", "1.-2", "1.x", ""])
def test_text_that_is_no_object_identifier_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        der.put_oid(text)


@pytest.mark.parametrize(
    ("ber", "expected"),
    [
        ("3080 0201 05 0000", "3003020105"),
        ("30 81 03 020105", "3003020105"),
        ("2480 0402 6162 0401 63 0000", "0403616263"),
        ("24 07 0402 6162 0401 63", "0403616263"),
        ("3080 3080 0000 a080 0500 0000 0000", "30063000a0020500"),
        ("3003 020105", "3003020105"),
    ],
)
def test_ber_is_made_der(ber: str, expected: str) -> None:
    assert der.to_der(bytes.fromhex(ber)).hex() == expected


@pytest.mark.parametrize(
    "ber", ["3080", "3080 0000 00", "0480 0000", "2403 020105", "30 89 00 00 00 00 00 00 00 00 00"]
)
def test_what_is_no_ber_is_refused(ber: str) -> None:
    with pytest.raises(NotDer):
        der.to_der(bytes.fromhex(ber))


def test_nesting_ends() -> None:
    with pytest.raises(NotDer):
        der.to_der(b"\x30\x80" * 100_000 + b"\x00\x00" * 100_000)


@given(st.binary(max_size=200))
def test_noise_is_refused_by_one_error(noise: bytes) -> None:
    for read in (der.to_der, lambda data: der.children(data, der.whole(data, der.SEQUENCE))):
        try:
            read(noise)
        except NotDer:
            pass
