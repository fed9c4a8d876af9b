"""The links of a PEP 503 page, as mirrors serve them where they have no JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class Link:
    """One `<a>`: its address as written, its text, and its `data-` attributes."""

    href: str
    text: str = ""
    data: dict[str, str | None] = field(default_factory=dict)


class Forgiving(HTMLParser):
    """An HTML parser that takes a marked section (`<![`) for a comment, as browsers do; the library's raises."""

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        return self.parse_bogus_comment(i, report)


class Links(Forgiving):
    """Collects links; `Links.of(page)`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Link] = []
        self._open: dict[str, str | None] | None = None
        self._text = ""

    @classmethod
    def of(cls, page: str) -> list[Link]:
        parser = cls()
        parser.feed(page)
        parser.close()
        return parser.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._open, self._text = dict(attrs), ""

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open is not None:
            href = self._open.get("href")
            if href:
                data = {key: value for key, value in self._open.items() if key.startswith("data-")}
                self.found.append(Link(href, self._text.strip(), data))
            self._open = None
