"""XML from strangers: no document type, no entities, bounded depth and size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from pumpkin.errors import RegistryError

DEPTH = 60
ELEMENTS = 500_000


@dataclass(slots=True)
class Element:
    """An element: its name without namespace, the text directly inside, its children."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, *path: str) -> Element | None:
        """The first descendant along `path`."""
        here: Element | None = self
        for name in path:
            here = next((child for child in here.children if child.name == name), None) if here else None
        return here

    def value(self, *path: str) -> str:
        """The text at `path`, '' where there is none."""
        found = self.child(*path)
        return found.text.strip() if found else ""

    def every(self, name: str) -> Iterator[Element]:
        return (child for child in self.children if child.name == name)


def read(body: bytes) -> Element:
    """The root element; RegistryError for what is not XML, or has a document type."""
    root = Element("")
    stack = [root]
    count = 0

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(stack) > DEPTH or count > ELEMENTS:
            raise RegistryError("The package registry's XML is too deep or too large.")
        element = Element(name.rpartition(" ")[2])
        stack[-1].children.append(element)
        stack.append(element)

    def end(_: str) -> None:
        stack.pop()

    def data(text: str) -> None:
        stack[-1].text += text

    def refuse(*_: object) -> NoReturn:
        raise RegistryError("The package registry's XML declares entities; it was not read.")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise RegistryError("The package registry's answer is not XML.") from error
    return root.children[0]
