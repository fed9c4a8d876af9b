"""A rule file's text to its rules, or to what is wrong with it: where, in which field, under which code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pumpkin.errors import InvalidRequest
from pumpkin.model import sentences
from pumpkin.model.rules.document import KINDS, RuleFile

SIZE_LIMIT = 1024 * 1024
FAULTS = 50
_HEADER = re.compile(r"\s*\[{1,2}\s*([A-Za-z0-9_.\"'-]+)\s*\]{1,2}")
_FIELD = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")

_CODES = {
    "extra_forbidden": "rules_unknown_field",
    "missing": "rules_missing_field",
    "union_tag_not_found": "rules_missing_field",
    "union_tag_invalid": "rules_unknown_kind",
}

_VERBS = ("is ", "has ", "names ", "holds ", "does ")
_WORDS = {
    "extra_forbidden": "is no field here",
    "missing": "is missing",
    "int_parsing": "is not a whole number",
    "float_parsing": "is not a number",
    "bool_parsing": "is neither true nor false",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: `line` counts from 1 (0 where it cannot be told), `rule` is its name or place."""

    code: str
    line: int
    rule: str
    field: str
    message: str

    def __str__(self) -> str:
        named = self.rule if self.rule.startswith("dependency ") else self.rule and f"rule {self.rule}"
        where = ", ".join(one for one in (f"line {self.line}" if self.line else "", named) if one)
        between = " " if self.message.startswith(_VERBS) else ": "
        return f"{where + ': ' if where else ''}{self.field and self.field + between}{self.message} [{self.code}]"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class InvalidRules(InvalidRequest):
    """The rule file is not of the documented form; the rules in force stay."""

    code = "invalid_rules"

    def __init__(self, faults: list[Fault], more: int = 0) -> None:
        self.faults = faults
        self.more = more
        first = str(faults[0]) if faults else ""
        rest = len(faults) - 1 + more
        super().__init__(f"The rules are not right: {first}{f'; and {rest} more' if rest else ''}.")


def read(content: bytes) -> RuleFile:
    """The rules of a file. InvalidRules with every fault found (at most fifty), none of the rules is taken then."""
    if len(content) > SIZE_LIMIT:
        raise InvalidRules([Fault("rules_too_large", 0, "", "", f"more than {SIZE_LIMIT} bytes")])
    try:
        text = content.decode("utf-8")
        given = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidRules([Fault("rules_syntax", line, "", "", "is not UTF-8")]) from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        fault = Fault("rules_syntax", int(found[1]) if found else 0, "", "", f"is not TOML: {error}")
        raise InvalidRules([fault]) from None
    except RecursionError:
        raise InvalidRules([Fault("rules_syntax", 0, "", "", "is nested too deeply")]) from None
    places = _Places(text, given)
    if (path := _unstorable(given)) is not None:
        line = places.line(path[0], int(path[1]), *path[2:]) if len(path) > 1 and path[1].isdigit() else 0
        raise InvalidRules([Fault("rules_bad_value", line, "", ".".join(path), "holds U+0000, which no text may")])
    try:
        file = RuleFile.model_validate(given)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        faults = [places.fault(one) for one in errors[:FAULTS]]
        raise InvalidRules(faults, max(0, len(errors) - FAULTS)) from None
    faults = _conflicts(file, places)
    if faults:
        raise InvalidRules(faults)
    return file


def _unstorable(value: Any, *path: str) -> tuple[str, ...] | None:
    """Where a text holds U+0000, which TOML can write and PostgreSQL cannot keep; None where none does."""
    if isinstance(value, str):
        return path if "\x00" in value else None
    members = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        if "\x00" in str(key):
            return (*path, str(key).replace("\x00", ""))
        if (found := _unstorable(member, *path, str(key))) is not None:
            return found
    return None


def _conflicts(file: RuleFile, places: _Places) -> list[Fault]:
    """What is wrong between rules."""
    faults = []
    first: dict[str, int] = {}
    for number, one in enumerate(file.rule):
        if one.name in first:
            line = places.line("rule", number, "name")
            faults.append(Fault("rules_duplicate", line, one.name, "name", "is the name of another rule above"))
        first.setdefault(one.name, number)
    for number, dependency in enumerate(file.dependency):
        if dependency.rule and dependency.rule not in first:
            line = places.line("dependency", number, "rule")
            faults.append(
                Fault("rules_unknown_rule", line, f"dependency {number + 1}", "rule", "is the name of no rule here")
            )
    return faults


class _Places:
    """Where in the text the fields of the tables stand: TOML's reader does not say."""

    def __init__(self, text: str, given: Mapping[str, Any]) -> None:
        self._given = given
        self._lines: dict[tuple[str, ...], int] = {}
        counts: dict[str, int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line):
                parts = tuple(one.strip("\"'") for one in header[1].split("."))
                if line.lstrip().startswith("[["):
                    counts[".".join(parts)] = counts.get(".".join(parts), -1) + 1
                root = parts[0]
                table = (root, str(max(0, counts.get(root, 0))), *parts[1:])
                self._lines.setdefault(table, number)
            elif field := _FIELD.match(line):
                self._lines.setdefault((*table, field[1]), number)

    def line(self, table: str, number: int, *fields: str) -> int:
        """The line of a field, else of the nearest table around it; 0 where none is known."""
        path = (table, str(number), *fields)
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 0

    def fault(self, error: ErrorDetails) -> Fault:
        where = [one for one in error["loc"] if one not in KINDS]
        message = _WORDS.get(error["type"]) or sentences.words(error)
        code = _CODES.get(error["type"], "rules_bad_value")
        if len(where) >= 2 and isinstance(where[1], int):
            table, number = str(where[0]), where[1]
            fields = [str(one) for one in where[2:]]
            if error["type"].startswith("union_tag"):
                fields, message = ["kind"], f"is one of {', '.join(KINDS)}"
            line = self.line(table, number, *(one for one in fields if not one.isdigit()))
            return Fault(code, line, self._name(table, number), _shown(fields), message)
        root = str(where[0]) if where else ""
        line = self._lines.get((root,)) or self._lines.get((root, "0")) or 0
        if error["type"] in ("list_type", "tuple_type"):
            message = f"is a list of tables: write [[{root}]]"
        return Fault(code, line, "", _shown([str(one) for one in where]), message)

    def _name(self, table: str, number: int) -> str:
        try:
            one = self._given[table][number]
            name = one.get("name") if isinstance(one, Mapping) else None
        except (LookupError, TypeError):
            name = None
        if isinstance(name, str) and name:
            return name[:80]
        return f"no. {number + 1}" if table == "rule" else f"{table} {number + 1}"


def _shown(fields: list[str]) -> str:
    """The path of a field without the members of unions that pydantic names."""
    kept = [one for one in fields if re.fullmatch(r"[a-z_]+|\d+|label|[A-Za-z0-9_.-]+", one) and "[" not in one]
    while kept and kept[-1] in ("bool", "int", "float", "constrained-str", "str"):
        kept.pop()
    return ".".join(kept)
