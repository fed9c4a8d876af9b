"""SPADE's metadata form, as SPADE writes it."""

from xml.etree.ElementTree import Element, fromstring, tostring

from pumpkin.model import spade

REAL = (
    '<message xmlns="jabber:client" type="chat" to="aggregator@localhost" id="0"><body>{}</body>'
    '<x xmlns="jabber:x:data" type="form"><field var="_thread_node" type="text-single"><value>t1</value></field>'
    '<field var="performative" type="text-single"><value>inform</value></field>'
    "<title>spade:x:metadata</title></x></message>"
)


def test_what_spade_writes_is_read() -> None:
    assert spade.decode(fromstring(REAL)) == ({"performative": "inform"}, "t1")


def test_another_form_is_ignored() -> None:
    assert spade.decode(fromstring(REAL.replace("spade:x:metadata", "other"))) == ({}, None)


def test_what_is_written_is_read_back() -> None:
    message = Element("{jabber:client}message")
    spade.encode(message, {"performative": "request", "ontology": "ü"}, "t")
    again = fromstring(tostring(message))
    assert spade.decode(again) == ({"performative": "request", "ontology": "ü"}, "t")
    assert again.findtext("{jabber:client}thread") == "t"


def test_nothing_is_added_for_nothing() -> None:
    message = Element("{jabber:client}message")
    spade.encode(message, {})
    assert len(message) == 0


def test_what_xml_cannot_carry_is_replaced() -> None:
    assert spade.legal("a\x00b\ud800\n") == "a\ufffdb\ufffd\n"


def test_a_flood_of_fields_is_cut() -> None:
    fields = "".join(f'<field var="f{n}"><value>{"x" * 5000}</value></field>' for n in range(100))
    metadata, _ = spade.decode(fromstring(REAL.replace("<title>", f"{fields}<title>")))
    assert len(metadata) <= 64
    assert max(map(len, metadata.values())) == 4_096
