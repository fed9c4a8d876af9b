"""Plots of numbers over time and drawings of what agents do, as SVG built on the server (see pictures)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10

from markupsafe import Markup, escape

from pumpkin.web.pages.pictures import framed
from pumpkin.web.pages.text import bare, rfc3339

_WIDE, _HIGH, _FLAT = 600, 96, 18
_LANES_WIDE = 960


def number(value: float) -> str:
    """A number for people: five digits that count."""
    return f"{value:,.0f}" if abs(value) >= 1e5 and abs(value) < 1e15 else f"{value:,.5g}"


def trend(points: Sequence[tuple[int, float, str | None]], *, name: str) -> Markup:
    """A line through (time in microseconds, value, status), oldest first; what was not ok is marked. A number that
    never moved takes no more room than a line of words."""
    values = [value for _, value, _ in points]
    low, high = min(values), max(values)
    tall = _HIGH if high > low else _FLAT
    span, first, last = (high - low) or 1.0, points[0][0], points[-1][0]
    length = max(1, last - first)
    drawn, line = [], []
    for at, value, status in points:
        x = 6 + (at - first) / length * (_WIDE - 12)
        y = tall - 8 - (value - low) / span * (tall - 16) if high > low else tall / 2
        line.append(f"{x:.1f} {y:.1f}")
        kind = status if status in ("warning", "critical") else "fine"
        words = f"{rfc3339(at)[:19]} UTC: {number(value)}{f', {status}' if status else ''}"
        drawn.append(
            f'<circle class="point {kind}" cx="{x:.1f}" cy="{y:.1f}" r="{4 if kind != "fine" else 2.5}">'
            f"<title>{escape(words)}</title></circle>"
        )
    said = (
        f"{bare(name, 80)}: {len(points)} results, now {number(values[-1])}, from {number(low)} to {number(high)},"
        f" {rfc3339(first)[:16]} to {rfc3339(last)[:16]} UTC."
    )
    path = f'<path class="line" d="M{"L".join(line)}"/>' if len(line) > 1 else ""
    return framed("plot trend", _WIDE, tall, said, path + "".join(drawn))


def waits(seconds: Sequence[tuple[float, str]], *, title: str) -> Markup:
    """Time to proof, a dot a stamp, oldest first, on a scale of powers of ten from a millisecond up."""
    top = max(2.0, log10(max([value for value, _ in seconds] + [1.0])) + 0.3)
    bottom, high = -3.0, 120
    drawn = []
    for power in range(int(bottom), int(top) + 1):
        y = high - 10 - (power - bottom) / (top - bottom) * (high - 20)
        words = f"{10**power:g} s" if power >= 0 else f"{10 ** (power + 3):g} ms"
        drawn.append(f'<path class="axis" d="M52 {y:.1f}H{_WIDE - 4}"/>')
        drawn.append(f'<text class="soft" x="46" y="{y + 4:.1f}" text-anchor="end">{words}</text>')
    step = (_WIDE - 64) / max(1, len(seconds))
    for place, (value, words) in enumerate(seconds):
        y = high - 10 - (max(bottom, log10(max(value, 1e-3))) - bottom) / (top - bottom) * (high - 20)
        drawn.append(
            f'<circle class="point fine" cx="{58 + place * step:.1f}" cy="{y:.1f}" r="3">'
            f"<title>{escape(words)}</title></circle>"
        )
    return framed("plot", _WIDE, high, title, "".join(drawn))


def timetable(behaviours: Sequence[Mapping[str, object]], now: int, *, hours: float = 1.0) -> Markup | None:
    """When behaviours run next within the coming hours, a row each; None when none says."""
    rows = [one for one in behaviours if isinstance(one.get("next_run"), int)][:12]
    if not rows:
        return None
    span, left, line = hours * 3600e6, 150, 24
    wide = _WIDE - left - 10
    drawn = []
    for quarter in range(5):
        x = left + wide * quarter / 4
        drawn.append(f'<path class="axis" d="M{x:.1f} 18V{22 + line * len(rows)}"/>')
        words = "now" if not quarter else f"+{hours * 15 * quarter:g} min"
        anchor = "end" if quarter == 4 else "middle"
        drawn.append(f'<text class="soft" x="{x:.1f}" y="12" text-anchor="{anchor}">{words}</text>')
    for row, one in enumerate(rows):
        y = 34 + line * row
        drawn.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{escape(bare(one.get("name"), 20))}</text>')
        at, period = one["next_run"], one.get("period")
        assert isinstance(at, int)
        step = int(period * 1e6) if isinstance(period, int | float) and period > 0 else 0
        ticks = 0
        while at < now + span and ticks < 120:
            if at >= now:
                x = left + (at - now) / span * wide
                kind = "next" if not ticks else ""
                drawn.append(f'<rect class="tick {kind}" x="{x:.1f}" y="{y - 7}" width="3" height="14" rx="1"/>')
            ticks += 1
            if not step:
                break
            at += step
    said = f"When the next runs are within {hours:g} h: " + ", ".join(
        f"{bare(one.get('name'), 40)} at {rfc3339(int(str(one['next_run'])))[11:19]} UTC" for one in rows
    )
    return framed("timetable", _WIDE, 30 + line * len(rows), said, "".join(drawn))


def machine(graph: Mapping[str, Mapping[str, str]], start: str, at: str) -> Markup:
    """A finite state machine: its states in a row in the order they are reached, transitions as arcs."""
    names = _reached(graph, start)[:12]
    place = {name: number for number, name in enumerate(names)}
    box, gap = 118, 46
    wide = 24 + len(names) * (box + gap) - gap
    deepest = max([abs(place[b] - place[a]) for a in names for b in graph[a].values() if b in place] + [1])
    middle = 46 + 22 * deepest
    drawn, said = [], []
    for name in names:
        to: dict[str, list[str]] = {}
        for word, target in graph[name].items():
            to.setdefault(target, []).append(word)
        for target, words in to.items():
            said.append(f"{bare(name, 40)} to {bare(target, 40)} on {', '.join(bare(word, 20) for word in words)}")
            if target in place:
                drawn.append(_arc(place[name], place[target], middle, box, gap, ", ".join(words)))
    for name, number_ in place.items():
        x = 12 + number_ * (box + gap)
        kind = "mine" if name == at else ""
        drawn.append(f'<rect class="box {kind}" x="{x}" y="{middle - 18}" width="{box}" height="36" rx="8"/>')
        strong = "strong" if name == at else ""
        drawn.append(
            f'<text class="{strong}" x="{x + box / 2}" y="{middle + 5}" text-anchor="middle">'
            f"{escape(bare(name, 16))}</text>"
        )
    title = f"State machine, now at {bare(at, 60)}: " + "; ".join(said)
    high = middle + 34 + 22 * deepest
    return framed("machine", wide, high, title[:2_000], "".join(drawn))


def _reached(graph: Mapping[str, Mapping[str, str]], start: str) -> list[str]:
    order, seen = [start] if start in graph else [], {start}
    for name in order:
        for target in graph[name].values():
            if target in graph and target not in seen:
                seen.add(target)
                order.append(target)
    return order + [name for name in graph if name not in seen]


def _arc(a: int, b: int, middle: int, box: int, gap: int, words: str) -> str:
    """A transition: forward above the row, back (and to itself) below."""
    word = escape(bare(words, 24))
    if a == b:
        x = 12 + a * (box + gap) + box / 2
        return (
            f'<path class="edge" d="M{x - 16} {middle + 18}c-4 24 36 24 32 0"/>'
            f'<text class="soft" x="{x}" y="{middle + 48}" text-anchor="middle">{word}</text>'
        )
    up = b > a
    x1 = 12 + a * (box + gap) + (box * 0.72 if up else box * 0.28)
    x2 = 12 + b * (box + gap) + (box * 0.28 if up else box * 0.72)
    edge, rise = (middle - 18, -1) if up else (middle + 18, 1)
    peak = edge + rise * (10 + 22 * abs(b - a))
    head = f"M{x2 - 4:.0f} {edge + rise * 8}L{x2:.0f} {edge}L{x2 + 4:.0f} {edge + rise * 8}"
    return (
        f'<path class="edge" d="M{x1:.0f} {edge}C{x1:.0f} {peak} {x2:.0f} {peak} {x2:.0f} {edge}"/>'
        f'<path class="edge" d="{head}"/>'
        f'<text class="soft" x="{(x1 + x2) / 2:.0f}" y="{(edge + 3 * peak) / 4 + (12 if not up else -3):.0f}"'
        f' text-anchor="middle">{word}</text>'
    )


def lanes(
    kinds: Sequence[tuple[str, Sequence[tuple[float, str, str]]]], bands: Sequence[tuple[str, float, float]]
) -> Markup:
    """What happened when: a lane a kind of (seconds, mark, words), under bands (name, from, to in seconds)."""
    left, right, top, step, columns = 108, 8, 22, 22, 160
    length = max([end for _, _, end in bands] + [at for _, many in kinds for at, _, _ in many] + [0.001])
    high = top + step * len(kinds) + 20

    def place(at: float) -> float:
        return left + max(0.0, min(1.0, at / length)) * (_LANES_WIDE - left - right)

    drawn = []
    for name, start, end in bands:
        x, wide = place(start), max(2.0, place(end) - place(start))
        drawn.append(
            f'<rect class="band" x="{x:.1f}" y="{top - 4}" width="{wide:.1f}" height="{high - top - 14}" rx="4"/>'
        )
        if wide > 44:
            drawn.append(f'<text class="soft" x="{x + 4:.1f}" y="{top - 9}">{escape(bare(name, 20))}</text>')
    for row, (name, many) in enumerate(kinds):
        y = top + row * step
        drawn.append(
            f'<text class="soft" x="{left - 10}" y="{y + 13}" text-anchor="end">{escape(bare(name, 20))}</text>'
            f'<path class="axis" d="M{left} {y + 9}H{_LANES_WIDE - right}"/>'
        )
        cells: dict[int, list[tuple[str, str]]] = {}
        for at, mark, words in many:
            cells.setdefault(int(at / length * columns), []).append((mark, words))
        for cell, held in cells.items():
            mark = next((one for one in ("critical", "warning") if any(one == kind for kind, _ in held)), "unknown")
            said = bare(held[0][1], 120) + (f", and {len(held) - 1} more" if len(held) > 1 else "")
            drawn.append(
                f'<rect class="happened {mark}" x="{place(cell / columns * length) - 2:.1f}" y="{y + 3}" width="5"'
                f' height="12" rx="2"><title>{escape(said)}</title></rect>'
            )
    words = f"{length:.3g} s" if length < 120 else f"{length / 60:.3g} min"
    drawn.append(f'<text class="soft" x="{left}" y="{high - 3}">0 s</text>')
    drawn.append(f'<text class="soft" x="{_LANES_WIDE - right}" y="{high - 3}" text-anchor="end">{words}</text>')
    said = ", ".join(f"{name} {len(many)}" for name, many in kinds)
    return framed("lanes", _LANES_WIDE, high, f"What was seen over {words}: {said}.", "".join(drawn))
