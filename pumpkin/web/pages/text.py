"""Untrusted values as text for people: escaped, bounded, and with every invisible character made visible.

Names, payloads and stanzas come from strangers. Jinja's autoescape stops markup; what it lets pass are control
characters, terminal codes, bidirectional overrides (CVE-2021-42574) and lines of ten megabytes. `plain` ends those.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

LINE_LIMIT = 300
PAYLOAD_LIMIT = 64 * 1024
_MICRO = 1_000_000

# Controls but tab and line ends; soft hyphen; zero-width, bidi marks, embeddings and isolates; separators; BOM; tags.
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"U+{code:04X}"


def _shown(found: re.Match[str]) -> str:
    code, sign = ord(found[0]), _sign(found)
    name = unicodedata.name(found[0], f"control character U+{code:04X}")
    return f'<span class="odd" title="{escape(name)}">{sign}</span>'


def plain(value: object, limit: int = LINE_LIMIT) -> Markup:
    """`value` as one isolated run of text, at most `limit` characters, odd characters named; never markup."""
    text = "" if value is None else str(value)
    over = len(text) - limit
    shown = _ODD.sub(_shown, str(escape(text[:limit] if over > 0 else text)))
    tail = f'<span class="muted"> … {over:,} more</span>' if over > 0 else ""
    return Markup(f"<bdi>{shown}</bdi>{tail}")  # noqa: S704 - escaped two lines above; format() costs four times


def bare(value: object, limit: int = LINE_LIMIT) -> str:
    """As `plain` for places that hold no element (titles, attributes, pictures): not yet escaped."""
    text = "" if value is None else str(value)
    return _ODD.sub(_sign, text if len(text) <= limit else text[: limit - 1] + "…")


def words(value: object) -> str:
    """A value of settings or of the audit trail in words: yes and no, lists with commas, "none"; not escaped."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {words(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(words(one) for one in value) or "none"
    return "none" if value is None or value == "" else str(value)


def size(count: int | None) -> str:
    """Bytes for people in decimal units: 1532 is "1.5 kB"."""
    if count is None:
        return "unknown"
    if count < 1_000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1_000
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1_000:.1f} TB"


def moment(micros: int) -> datetime:
    """Microseconds since 1970 as an aware time; what no calendar holds becomes its nearest end."""
    seconds, rest = divmod(micros, _MICRO)
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
    except (OverflowError, OSError, ValueError):
        return datetime.max.replace(tzinfo=UTC) if micros > 0 else datetime.min.replace(tzinfo=UTC)


def rfc3339(micros: int) -> str:
    """`2026-11-21T14:30:00.123456Z`."""
    return moment(micros).isoformat(timespec="microseconds").replace("+00:00", "Z")


def when(micros: int | None, form: str = "full") -> Markup:
    """A `<time>`: UTC as written here, the reader's zone once the script ran; form "full" or "ago"."""
    if micros is None:
        return Markup('<span class="muted">never</span>')
    at = moment(micros)
    shown = at.strftime("%Y-%m-%d %H:%M:%S")
    exact = f"{shown}.{at.microsecond:06d} UTC"
    return Markup(  # noqa: S704 - digits and the caller's own word
        f'<time datetime="{rfc3339(micros)}" data-form="{form}" title="{exact}">{shown} UTC</time>'
    )


def ago(micros: int | None) -> Markup:
    """As `when`, to be read as a distance from now."""
    return when(micros, "ago")


def told(value: str | None, form: str = "full") -> Markup:
    """As `when`, of a time as RFC 3339 writes it; what is none is shown as it stands."""
    try:
        at = datetime.fromisoformat(value or "")
    except ValueError:
        return plain(value)
    return when(int(at.timestamp() * _MICRO), form) if at.tzinfo else plain(value)


def duration(seconds: float | None) -> str:
    """Seconds for people: 0.0021 is "2.1 ms", 4020 is "1 h 7 min"."""
    if seconds is None:
        return "unknown"
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h"


def digest(value: bytes | str | None, keep: int = 12) -> Markup:
    """A hash shortened for the eye, whole in the title."""
    if not value:
        return Markup('<span class="muted">none</span>')
    text = value.hex() if isinstance(value, bytes) else str(value)
    return Markup('<code title="{}">{}</code>').format(text, text[:keep] + ("…" if len(text) > keep else ""))


def fingers(value: bytes | str) -> str:
    """A whole hash in groups of eight digits, so that it wraps and can be compared by eye."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return " ".join(text[i : i + 8] for i in range(0, len(text), 8))


def pretty(value: Mapping[str, Any] | list[Any] | None, limit: int = PAYLOAD_LIMIT) -> Markup:
    """JSON values indented, as bounded plain text."""
    return plain(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str), limit)
