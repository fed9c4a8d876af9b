"""Pictures as SVG built on the server: attributes and classes only, so they stand under a policy without inline style.

Every picture has a title that says in words what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from pumpkin.web.pages.text import bare, rfc3339

_STEPS_SHOWN = 6
_AXIS, _BOX, _STEM, _WIDTH = 100, 110, 296, 480  # where time, boxes and path stand; how wide it all is


def bars(counts: Sequence[int], *, title: str, labels: Sequence[str] = (), second: bool = False) -> Markup:
    """A row of bars, oldest first; `labels` say each bar in words on hover."""
    high = max(counts, default=0) or 1
    width, height, gap = 600, 72, 2
    step = width / max(len(counts), 1)
    drawn, kind = [], " second" if second else ""
    for place, count in enumerate(counts):
        tall = max(2.0, count / high * height) if count else 0.75
        label = labels[place] if place < len(labels) else f"{count:,}"
        drawn.append(
            f'<rect class="bar{kind if count else " zero"}" x="{place * step:.2f}" y="{height - tall:.2f}" '
            f'width="{step - gap:.2f}" height="{tall:.2f}" rx="1"><title>{escape(label)}</title></rect>'
        )
    return framed("plot", width, height, title, "".join(drawn), stretch=True)


def strip(days: Sequence[tuple[str, float | None]], *, title: str) -> Markup:
    """The up-time strip: one mark a day, oldest first; None is "not known yet". Marks of a kind are one path, so that
    a page of fifty strips stays small; a bad day is also lower, not only redder."""
    drawn: dict[str, str] = {}
    for place, (_, up) in enumerate(days):
        kind = "none" if up is None else "up" if up >= 0.99 else "half" if up >= 0.5 else "down"
        drawn[kind] = drawn.get(kind, "") + f"M{place * 8} {6 if kind == 'down' else 0}h6V22h-6z"
    worst = min(((up, day) for day, up in days if up is not None), default=None)
    said = f"{title}; worst {worst[0] * 100:.0f} % on {worst[1]}" if worst and worst[0] < 0.99 else title
    paths = "".join(f'<path class="{kind}" d="{path}"/>' for kind, path in drawn.items())
    return framed("strip", 8 * max(len(days), 1), 22, said, f"<title>{escape(said)}</title>{paths}", stretch=True)


@dataclass(frozen=True, slots=True)
class Witnessed:
    """One authority's word about a check, for the picture. Times in microseconds, `accuracy` too."""

    authority: str
    gen_time: int
    accuracy: int
    self_asserted: bool
    size: int


@dataclass(frozen=True, slots=True)
class Story:
    """What the picture of a proof tells, from the payload up to the authorities."""

    seq: int
    leaf: str
    path: Sequence[tuple[str, str]]  # ("L" or "R", hash), leaf to root
    root: str | None
    size: int | None
    after: int | None
    observed: int
    received: int
    sealed: int | None
    stamps: Sequence[Witnessed]
    signed: bool = False


def proof(story: Story) -> Markup:
    """The proof from leaf to authority, bottom to top, beside the axis of time that bounds it from both sides."""
    drawn: list[str] = []
    y = 12
    shown: list[Witnessed | None] = list(story.stamps[:4])
    for stamp in shown or [None]:
        y = _stamp(drawn, y, stamp)
    y = _checkpoint(drawn, y, story)
    y = _path(drawn, y, story)
    y = _leaf(drawn, y, story)
    y = _floor(drawn, y, story)
    said = (
        ", ".join(f"{bare(one.authority, 80)} at {rfc3339(one.gen_time)}" for one in story.stamps) or "no authority yet"
    )
    title = (
        f"Proof: record {story.seq} reaches the root of the log in {len(story.path)} steps; "
        f"checkpoint of size {story.size if story.size is not None else 'not yet sealed'}; stamped by {said}."
    )
    return framed("proof-picture", _WIDTH, y, title, "".join(drawn))


def _box(y: int, height: int, kind: str, lines: Sequence[tuple[str, str]]) -> str:
    x, width = _BOX, _WIDTH - _BOX - 2
    text = "".join(
        f'<text class="{style}" x="{x + 14}" y="{y + 21 + 18 * row}">{escape(words)}</text>'
        for row, (style, words) in enumerate(lines)
    )
    return f'<rect class="box {kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>{text}'


def _time(y: int, upper: str, lower: str) -> str:
    second = f'<text class="soft" x="{_AXIS - 10}" y="{y + 15}" text-anchor="end">{escape(lower)}</text>'
    dot = f'<circle class="box mine" cx="{_AXIS}" cy="{y - 4}" r="4"/>'
    return f'<text class="soft strong" x="{_AXIS - 10}" y="{y}" text-anchor="end">{escape(upper)}</text>{second}{dot}'


def _edge(top: int, bottom: int, kind: str = "mine", x: int = _STEM) -> str:
    return f'<path class="edge {kind}" d="M{x} {top}V{bottom}"/>'


def _clock(micros: int) -> tuple[str, str]:
    text = rfc3339(micros)
    return text[11:23], text[:10]


def _stamp(drawn: list[str], y: int, stamp: Witnessed | None) -> int:
    if stamp is None:
        drawn.append(_box(y, 50, "waiting", [("strong", "Authority"), ("soft", "no token yet: the stamper is asking")]))
        drawn.append(_edge(y + 50, y + 74, ""))
        return y + 74
    who = bare(stamp.authority, 40)
    said = "local, self-asserted" if stamp.self_asserted else "third party"
    kind = "warning" if stamp.self_asserted else "ok"
    lines = [("strong", who), ("soft", f"{said}; RFC 3161 token, ± {stamp.accuracy / 1e6:g} s")]
    drawn.append(_box(y, 50, kind, lines))
    drawn.append(_time(y + 22, *_clock(stamp.gen_time)))
    drawn.append(_edge(y + 50, y + 74))
    return y + 74


def _checkpoint(drawn: list[str], y: int, story: Story) -> int:
    if story.size is None or story.root is None:
        drawn.append(_box(y, 50, "waiting", [("strong", "Checkpoint"), ("soft", "not yet sealed: a second at most")]))
        drawn.append(_edge(y + 50, y + 74, ""))
        return y + 74
    lines = [("strong", f"Checkpoint of {story.size:,} records"), ("hash", f"root {story.root[:32]}…")]
    drawn.append(_box(y, 50, "", lines))
    if story.sealed is not None:
        drawn.append(_time(y + 22, *_clock(story.sealed)))
    drawn.append(_edge(y + 50, y + 74))
    return y + 74


def _path(drawn: list[str], y: int, story: Story) -> int:
    """Siblings from the root (top) down to the leaf; the middle of a long path is one line that says how many."""
    steps = list(reversed(story.path))
    folded = len(steps) - _STEPS_SHOWN if len(steps) > _STEPS_SHOWN + 1 else 0
    head, tail = (steps[:3], steps[3 + folded :]) if folded else (steps, [])
    for side, other in head:
        y = _step(drawn, y, side, other)
    if folded:
        drawn.append(_edge(y, y + 34))
        drawn.append(f'<text class="soft" x="{_STEM + 16}" y="{y + 21}">{folded} more hashes</text>')
        y += 34
    for side, other in tail:
        y = _step(drawn, y, side, other)
    return y


def _step(drawn: list[str], y: int, side: str, other: str) -> int:
    x, anchor = (_STEM - 70, "end") if side == "L" else (_STEM + 70, "start")
    drawn.append(_edge(y, y + 34))
    drawn.append(f'<path class="edge" d="M{_STEM} {y + 4}L{x} {y + 17}"/>')
    drawn.append(f'<circle class="box mine" cx="{_STEM}" cy="{y + 4}" r="4"/>')
    away = -6 if side == "L" else 6
    drawn.append(f'<text class="hash" x="{x + away}" y="{y + 21}" text-anchor="{anchor}">{escape(other[:8])}…</text>')
    return y + 34


def _leaf(drawn: list[str], y: int, story: Story) -> int:
    lines = [("strong", f"This record, leaf {story.seq:,}"), ("hash", f"{story.leaf[:32]}…")]
    drawn.append(_box(y, 50, "mine", lines))
    drawn.append(_time(y + 22, *_clock(story.received)))
    drawn.append(_edge(y + 50, y + 70))
    seen = [("strong", "What the agent saw"), ("soft", "payload, bound by a salted commitment")]
    drawn.append(_box(y + 70, 50, "", seen))
    drawn.append(_time(y + 92, *_clock(story.observed)))
    return y + 120


def _floor(drawn: list[str], y: int, story: Story) -> int:
    if story.after is None:
        drawn.append(f'<path class="axis" d="M{_AXIS} 12V{y - 24}"/>')
        words = "No lower bound: it names no checkpoint with a token."
        drawn.append(f'<text class="soft" x="{_BOX + 14}" y="{y + 20}">{words}</text>')
        return y + 32
    drawn.append(_edge(y, y + 20))
    said = "so the agent saw it after this" if story.signed else "so the record was made after this"
    lines = [("strong", "Token of the checkpoint it names"), ("soft", said)]
    drawn.append(_box(y + 20, 50, "", lines))
    drawn.append(_time(y + 42, *_clock(story.after)))
    drawn.append(f'<path class="axis" d="M{_AXIS} 12V{y + 42}"/>')
    return y + 78


def framed(name: str, width: int, height: int, title: str, inner: str, *, stretch: bool = False) -> Markup:
    """An SVG of class `name` around `inner`, whose texts are escaped already; `title` says in words what it shows."""
    aspect = ' preserveAspectRatio="none"' if stretch else ""
    head = f'<svg class="{name}" viewBox="0 0 {width} {height}"{aspect} role="img" aria-label="{escape(title)}">'
    return Markup(f"{head}{inner}</svg>")  # noqa: S704 - every text inside went through escape
