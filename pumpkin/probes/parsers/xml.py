"""Reads XML of a stranger: no entities, no external anything, bounded depth."""

from __future__ import annotations

from typing import Any, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

DEPTH_LIMIT = 100


def read(data: bytes) -> Element:
    """The document's root element; ValueError for what is not well-formed, declares entities or nests too deeply.

    A DOCTYPE by name is allowed (nmap writes one); nothing it points to is fetched.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH_LIMIT:
            raise ValueError(f"XML nested deeper than {DEPTH_LIMIT} levels")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    parser.SkippedEntityHandler = _refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"not well-formed XML: {error}") from None
    return builder.close()


def _refuse(*_: Any) -> NoReturn:
    raise ValueError("XML entities are refused")
