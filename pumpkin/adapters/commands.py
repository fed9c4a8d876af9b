"""Ad hoc commands (XEP-0050) with their forms (XEP-0004): asked by the gateway, offered by our probes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element, SubElement

from pumpkin.adapters import stanzas
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import COMMANDS, DISCO_ITEMS, FORMS, name
from pumpkin.errors import Forbidden, InvalidRequest, NotFound
from pumpkin.model.agents import bare
from pumpkin.model.spade import legal

Form = Mapping[str, str | Sequence[str]]
FIELDS_LIMIT = 200
TEXT_LIMIT = 8_192
VIEW = "urn:pumpkin:view:0"
COMMAND = name("command", COMMANDS)


async def execute(
    session: Session,
    to: str,
    node: str,
    form: Form | None = None,
    sid: str | None = None,
    action: str = "execute",
) -> dict[str, Any]:
    """One step of the command `node` of `to` (full JID), as JSON: `{"node", "session", "status", "actions", "form",
    "notes"}`; `form` is None or `{"type", "title", "instructions", "fields", "rows"}`. All a stranger's text."""
    command = Element(COMMAND, {"node": node, "action": action})
    if sid:
        command.set("sessionid", sid)
    if form:
        command.append(_submit(form))
    answer = await session.request(stanzas.iq("set", to, None, command))
    found = answer.find(COMMAND)
    if found is None:
        raise stanzas.StanzaError("undefined-condition", text="no command in the answer")
    return _read(found)


async def offered(session: Session, to: str) -> list[dict[str, str]]:
    """The commands `to` offers: `{"node", "name"}` each."""
    query = Element(name("query", DISCO_ITEMS), {"node": COMMANDS})
    answer = await session.request(stanzas.iq("get", to, None, query))
    items = answer.iterfind(f"{name('query', DISCO_ITEMS)}/{name('item', DISCO_ITEMS)}")
    return [
        {"node": one.get("node", "")[:1_000], "name": one.get("name", "")[:200]}
        for _, one in zip(range(100), items, strict=False)
    ]


def _submit(form: Form) -> Element:
    sheet = Element(name("x", FORMS), {"type": "submit"})
    for key, value in form.items():
        line = SubElement(sheet, name("field", FORMS), {"var": legal(key)})
        for one in [value] if isinstance(value, str) else value:
            SubElement(line, name("value", FORMS)).text = legal(one)
    return sheet


def _read(command: Element) -> dict[str, Any]:
    sheet = command.find(name("x", FORMS))
    actions = command.find(name("actions", COMMANDS))
    return {
        "node": command.get("node", ""),
        "session": command.get("sessionid"),
        "status": command.get("status", "completed"),
        "actions": [stanzas.local_name(one) for one in actions] if actions is not None else [],
        "notes": [
            {"type": one.get("type", "info"), "text": (one.text or "")[:TEXT_LIMIT]}
            for one in command.findall(name("note", COMMANDS))[:20]
        ],
        "form": None if sheet is None else read_form(sheet),
    }


def read_form(sheet: Element) -> dict[str, Any]:
    """A form or a form's answer as JSON, bounded."""
    items = sheet.findall(name("item", FORMS))[:FIELDS_LIMIT]
    return {
        "type": sheet.get("type", "form"),
        "title": (sheet.findtext(name("title", FORMS)) or "")[:TEXT_LIMIT],
        "instructions": (sheet.findtext(name("instructions", FORMS)) or "")[:TEXT_LIMIT],
        "fields": [_field(one) for one in sheet.findall(name("field", FORMS))[:FIELDS_LIMIT]],
        "rows": [{one["var"]: one["values"] for one in map(_field, item)} for item in items],
    }


def _field(line: Element) -> dict[str, Any]:
    return {
        "var": line.get("var", "")[:200],
        "type": line.get("type", "text-single")[:40],
        "label": line.get("label", "")[:500],
        "required": line.find(name("required", FORMS)) is not None,
        "values": [(one.text or "")[: TEXT_LIMIT * 8] for one in line.findall(name("value", FORMS))[:FIELDS_LIMIT]],
        "options": [
            {"label": one.get("label", "")[:500], "value": (one.findtext(name("value", FORMS)) or "")[:TEXT_LIMIT]}
            for one in line.findall(name("option", FORMS))[:FIELDS_LIMIT]
        ],
    }


@dataclass(frozen=True, slots=True)
class Field:
    """One question of a command of ours."""

    var: str
    label: str
    options: tuple[str, ...] = ()
    value: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What an agent shows of itself: a table, series of numbers by name, and HTML, which readers take for a stranger's.

    On the wire the fields `urn:pumpkin:view:0#series:NAME` and `...#html` of the result's form."""

    rows: list[dict[str, str]]
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    html: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of one step: it asks `fields` when the first call brings no form, then `act` does it and answers rows,
    a sentence, or a view."""

    node: str
    name: str
    act: Callable[[Mapping[str, str]], Awaitable[str | list[dict[str, str]] | View]]
    fields: Callable[[], Sequence[Field]] = field(default=tuple)


class Desk:
    """The commands one session offers, to those `may` lets in (by bare JID)."""

    def __init__(self, session: Session, commands: Sequence[Command], may: Callable[[str], bool]) -> None:
        self._commands = {one.node: one for one in commands}
        self._may = may
        session.features.add(COMMANDS)
        session.serve("set", COMMAND, self._answer)
        session.items = self._items

    def _items(self, iq: Element) -> list[Element]:
        query = iq.find(name("query", DISCO_ITEMS))
        if query is None or query.get("node") != COMMANDS or not self._may(_sender(iq)):
            return []
        jid = iq.get("to", "")
        return [
            Element(name("item", DISCO_ITEMS), {"jid": jid, "node": one.node, "name": one.name})
            for one in self._commands.values()
        ]

    async def _answer(self, iq: Element) -> Element:
        if not self._may(_sender(iq)):
            raise Forbidden("This agent takes commands from its aggregator only.")
        asked = iq.find(COMMAND)
        command = self._commands.get(asked.get("node", "")) if asked is not None else None
        if asked is None or command is None:
            raise NotFound("There is no such command.")
        answer = Element(COMMAND, {"node": command.node, "sessionid": asked.get("sessionid") or uuid4().hex})
        if asked.get("action") == "cancel":
            answer.set("status", "canceled")
            return stanzas.result(iq, answer)
        sheet, fields = asked.find(name("x", FORMS)), command.fields()
        if fields and sheet is None:
            answer.set("status", "executing")
            actions = SubElement(answer, name("actions", COMMANDS), {"execute": "complete"})
            SubElement(actions, name("complete", COMMANDS))
            answer.append(_question(command, fields))
            return stanzas.result(iq, answer)
        values = {} if sheet is None else {one["var"]: "\n".join(one["values"]) for one in read_form(sheet)["fields"]}
        missing = [one.var for one in fields if one.var not in values]
        if missing:
            raise InvalidRequest(f"The form lacks {', '.join(missing)}.")
        answer.set("status", "completed")
        answer.append(_outcome(await command.act(values)))
        return stanzas.result(iq, answer)


def _question(command: Command, fields: Sequence[Field]) -> Element:
    sheet = Element(name("x", FORMS), {"type": "form"})
    SubElement(sheet, name("title", FORMS)).text = command.name
    for one in fields:
        kind = "list-single" if one.options else "text-single"
        line = SubElement(sheet, name("field", FORMS), {"var": one.var, "type": kind, "label": one.label})
        SubElement(line, name("required", FORMS))
        if one.value:
            SubElement(line, name("value", FORMS)).text = legal(one.value)
        for option in one.options:
            SubElement(SubElement(line, name("option", FORMS)), name("value", FORMS)).text = legal(option)
    return sheet


def _outcome(said: str | list[dict[str, str]] | View) -> Element:
    if isinstance(said, str):
        note = Element(name("note", COMMANDS), {"type": "info"})
        note.text = legal(said)
        return note
    sheet = Element(name("x", FORMS), {"type": "result"})
    if isinstance(said, View):
        for key, values in said.series.items():
            line = SubElement(sheet, name("field", FORMS), {"var": f"{VIEW}#series:{legal(key)}", "type": "text-multi"})
            for number in values:
                SubElement(line, name("value", FORMS)).text = f"{number:g}"
        if said.html:
            line = SubElement(sheet, name("field", FORMS), {"var": f"{VIEW}#html", "type": "text-single"})
            SubElement(line, name("value", FORMS)).text = legal(said.html)
        said = said.rows
    reported = SubElement(sheet, name("reported", FORMS))
    for key in said[0] if said else ():
        SubElement(reported, name("field", FORMS), {"var": key, "label": key.replace("_", " ")})
    for row in said:
        item = SubElement(sheet, name("item", FORMS))
        for key, value in row.items():
            SubElement(SubElement(item, name("field", FORMS), {"var": key}), name("value", FORMS)).text = legal(value)
    return sheet


def _sender(iq: Element) -> str:
    try:
        return bare(iq.get("from", ""))
    except ValueError:
        return ""
