"""What a run was seen to do, arranged to be read: processes as a tree, a timeline, files, network, decoys.

In go the phases of a report's document (model.reports); whatever is long is cut here and counted, so that a page stays
small however much a package did. Text is the package's: whoever shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PROCESSES = 120
DEPTH = 10
REQUESTS = 40
LINES = 50
WORD = 2_000
_CHANGES = ("create", "write", "rename", "chmod", "delete")
_VERBS = {
    "read": "read",
    "create": "made",
    "write": "wrote",
    "rename": "renamed",
    "chmod": "mode of",
    "delete": "removed",
}
_DONE = {"create": "made", "write": "written", "rename": "renamed", "chmod": "mode changed", "delete": "removed"}

Json = Mapping[str, Any]


@dataclass(slots=True)
class Branch:
    """A process and what it started; `at` and `took` in seconds, `at` since the run began."""

    process: Json
    at: float | None
    took: float | None
    children: list[Branch] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Request:
    """One request or other talk in the clear, though it was encrypted where `tls`; `secrets` are those it carried."""

    phase: str
    at: float | None
    method: str
    url: str
    tls: bool
    size: int
    headers: Sequence[tuple[str, str]]
    body: str
    binary: bool
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class Moment:
    """One event: `kind` as the document has it, `mark` ok, unknown, warning or critical, `words` the package's."""

    phase: str
    at: float | None
    kind: str
    verb: str
    words: str
    mark: str
    installer: bool


def begin(phases: Iterable[Json]) -> float | None:
    """When the first thing was seen; seconds since 1970."""
    seen = [
        float(one[key])
        for phase in phases
        for many, key in ((phase.get("events", ()), "time"), (phase.get("processes", ()), "start"))
        for one in many[:50]
        if isinstance(one.get(key), int | float)
    ]
    return min(seen) if seen else None


def tree(phase: Json, base: float | None) -> tuple[list[Branch], int]:
    """The first processes of a phase under those that started them, and how many more there are."""
    many = phase.get("processes", ())
    roots: list[Branch] = []
    known: dict[Any, tuple[Branch, int]] = {}
    for process in many[:PROCESSES]:
        start, end = process.get("start"), process.get("end")
        took = end - start if _number(start) and _number(end) else None
        branch = Branch(_cut(process), _since(start, base), took)
        above = known.get(process.get("ppid"))
        if above is None:
            roots.append(branch)
            known[process.get("pid")] = branch, 1
            continue
        parent, depth = above
        parent.children.append(branch)
        # What stands deeper than can be read is listed beside its parent.
        known[process.get("pid")] = (branch, depth + 1) if depth + 1 < DEPTH else above
    return roots, max(0, len(many) - PROCESSES)


def _cut(process: Json) -> Json:
    """A process without what no page shows: what is kept of it is kept as long as its report is looked at."""
    words = [str(word)[:WORD] for word in process.get("argv", ())[:60]]
    env = {str(name)[:80]: str(value)[:WORD] for name, value in list((process.get("env") or {}).items())[:12]}
    return {**process, "path": str(process.get("path", ""))[:WORD], "argv": words, "env": env}


def moments(phases: Iterable[Json], base: float | None) -> Iterator[Moment]:
    """Every event in words, in the order it was told."""
    for phase in phases:
        for event in phase.get("events", ()):
            yield _moment(str(phase.get("name", "")), event, base)


def notable(one: Moment) -> bool:
    """Whether it tells something: not the installer's, no mere reading, no end of a process."""
    return not one.installer and one.kind not in ("exit", "bind") and not (one.kind == "file" and one.verb == "read")


def requests(phases: Iterable[Json], base: float | None) -> list[Request]:
    """What was said to whom. A secret told right before on the same connection is one it carried."""
    found, carried = [], {}  # type: list[Request], dict[tuple[Any, Any], list[str]]
    for phase in phases:
        for event in phase.get("events", ()):
            place = event.get("address"), event.get("port")
            if event.get("kind") == "leak":
                carried.setdefault(place, []).append(str(event.get("secret", "")))
            elif event.get("kind") in ("http", "sent"):
                found.append(_request(str(phase.get("name", "")), event, base, carried.pop(place, [])))
    return found


def changes(phases: Iterable[Json]) -> list[Json]:
    """Paths that were made, written, removed: what is left first, then what was made and removed again."""
    found = []
    for phase in phases:
        for use in phase.get("files", ()):
            did = [_DONE[one] for one in _CHANGES if use.get(one)]
            if did and not use.get("installer"):
                path, gone = str(use.get("path", ""))[:WORD], bool(use.get("delete"))
                size = use.get("size", 0)
                found.append({"path": path, "phase": phase.get("name", ""), "did": did, "gone": gone, "size": size})
    return sorted(found, key=lambda one: one["gone"])


def uses(phases: Iterable[Json], did: str, text: str) -> Iterator[Json]:
    """All paths of all phases that were used so ("" for anyhow) and whose name holds `text`; the installer's too."""
    for phase in phases:
        for use in phase.get("files", ()):
            if (not did or use.get(did)) and text in str(use.get("path", "")):
                yield {**use, "phase": phase.get("name", "")}


def decoys(phases: Iterable[Json]) -> tuple[list[Json], list[Json]]:
    """(secrets planted here that were touched, secrets that left), each once with the phases and the places."""
    touched: dict[tuple[str, str], dict[str, Any]] = {}
    left: dict[tuple[str, str, str], dict[str, Any]] = {}
    for phase in phases:
        name = str(phase.get("name", ""))
        for event in phase.get("events", ()):
            if event.get("kind") == "decoy_touched":
                one = str(event.get("path", "")), str(event.get("op", ""))
                entry = touched.setdefault(one, {"path": one[0], "op": one[1], "phases": []})
            elif event.get("kind") == "leak":
                to = _place(event)
                key = str(event.get("secret", "")), str(event.get("form", "")), to
                entry = left.setdefault(
                    key, {"secret": key[0], "form": key[1], "to": to, "tls": event.get("tls"), "phases": []}
                )
            else:
                continue
            if name not in entry["phases"]:
                entry["phases"].append(name)
    return list(touched.values()), list(left.values())


def names(phase: Json) -> list[tuple[str, str]]:
    """(name, the kinds of record asked for) of each name once; `phase` as old clients read it."""
    found: dict[str, dict[str, None]] = {}
    for one in phase.get("dns_answers", ()):
        found.setdefault(str(one.get("name", "")), {})[str(one.get("type", ""))] = None
    return [(name, ", ".join(kinds)) for name, kinds in found.items()]


def by_tool(findings: Sequence[Json], tools: Mapping[str, Json], limit: int) -> list[tuple[str, Json, list[Json], int]]:
    """(tool, its section, its first findings, how many there are): what found most gravely first, what did not run
    last. `limit` is shared by all."""
    order: dict[str, list[Json]] = {}
    for one in findings:
        order.setdefault(str(one.get("tool", "")), []).append(one)
    kept = []
    for tool, many in order.items():
        kept.append((tool, tools.get(tool, {"status": "ran", "why": ""}), many[: max(0, limit)], len(many)))
        limit -= len(many)
    rest: list[tuple[str, Json, list[Json], int]] = [
        (name, section, [], 0) for name, section in tools.items() if name not in order
    ]
    return kept + sorted(rest, key=lambda one: one[1].get("status") != "ran")


def _moment(phase: str, event: Json, base: float | None) -> Moment:
    kind = str(event.get("kind", ""))
    verb, words, mark = _words(kind, event)
    return Moment(
        phase, _since(event.get("time"), base), kind, verb[:40], words[:WORD], mark, bool(event.get("installer"))
    )


def _words(kind: str, event: Json) -> tuple[str, str, str]:
    failed = f" ({event['error']})" if event.get("error") else ""
    if kind == "exec":
        said = " ".join(map(str, event.get("argv", ()))) or str(event.get("path", ""))
        return ("tried to run" if failed else "ran"), said + failed, "unknown"
    if kind == "exit":
        return "ended", f"process {event.get('pid', '')}, status {event.get('status', 0)}", "unknown"
    if kind == "file":
        return _VERBS.get(str(event.get("op")), "used"), f"{event.get('path', '')}{failed}", "unknown"
    if kind == "dns":
        answer = event.get("answer") or "no answer"
        return "asked for", f"{event.get('name', '')} {event.get('qtype', '')}: {answer}", "warning"
    if kind in ("connect", "send", "udp", "tls", "bind"):
        verb = {"connect": "connected to", "tls": "spoke TLS with", "bind": "listened at"}.get(kind, "sent to")
        return ("tried to reach" if failed else verb), f"{event.get('path') or _place(event)}{failed}", "warning"
    if kind in ("http", "sent"):
        size = event.get("size", 0)
        return str(event.get("method") or "sent"), f"{_url(event)}, {size:,} bytes", "warning"
    if kind == "leak":
        return "secret left", f"{event.get('secret', '')} ({event.get('form', '')}) to {_place(event)}", "critical"
    if kind == "decoy_touched":
        return f"decoy {event.get('op', '')}", str(event.get("path", "")), "critical"
    what = event.get("what") or event.get("path") or event.get("name") or event.get("address") or ""
    return kind.replace("_", " "), f"{what}{failed}", "critical" if kind == "tamper" else "warning"


def _request(phase: str, event: Json, base: float | None, secrets: Sequence[str]) -> Request:
    body = event.get("body") or event.get("data") or {}
    text, binary = (body, False) if isinstance(body, str) else (body.get("text"), False)
    if text is None:
        text, binary = str(body.get("base64", "")), True
    headers = [(str(one[0])[:80], str(one[1])[:WORD]) for one in (event.get("headers") or ())[:40] if len(one) == 2]
    return Request(
        phase, _since(event.get("time"), base), str(event.get("method") or event.get("protocol") or "sent")[:40],
        _url(event)[:WORD], bool(event.get("tls")), int(event.get("size") or 0), headers, str(text)[: 4 * WORD], binary,
        secrets,
    )  # fmt: skip


def _url(event: Json) -> str:
    if event.get("kind") == "sent":
        return _place(event)
    host = event.get("host") or event.get("sni") or event.get("name") or event.get("address") or ""
    return f"{'https' if event.get('tls') else 'http'}://{host}{event.get('path', '')}"


def _place(event: Json) -> str:
    name = event.get("sni") or event.get("name") or event.get("address") or "?"
    return f"{name}:{event['port']}" if event.get("port") else str(name)


def _number(value: object) -> bool:
    return isinstance(value, int | float)


def _since(value: Any, base: float | None) -> float | None:
    return float(value) - base if _number(value) and base is not None else None
