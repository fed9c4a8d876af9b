"""Texts kept in an array that is rotated before use, and fetched by number: javascript-obfuscator's string array.

Three parts belong together: a function (or variable) that holds the array, a decoder that takes a number away from its
argument and gives the array's text (plain, in base64, or in base64 over RC4 under its second argument), and a call
that turns the array round until a sum of `parseInt` over decoded texts is what it was told. All three are told by their
form and computed here in bounds of their own; nothing is run. What comes of it is a `Decoder` by the decoder's name.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from pumpkin.analysis.javascript.folding import first_of, number, text_of, unescaped

ARRAY_LIMIT = 20_000
"""Texts of an array; a longer one is not followed."""

STEP_LIMIT = 2_000_000
"""Nodes looked at in one file for finding and turning its arrays."""

_WORTH = re.compile(rb"parseInt|\.push|\['push'\]|\[\"push\"\]|charAt")
_HOLDS = re.compile(rb"(?:push|shift)[\s\S]{0,200}(?:push|shift)|\w+\s*=\s*\w+\s*-\s*(?:0x|\(|-)")
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/="
_STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_SWAP = str.maketrans(_ALPHABET, _STANDARD)
_LEADING = re.compile(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|\d+)")
_FUNCTIONS = ("function_declaration", "function_expression", "function", "arrow_function")

Plain = float | str | None


class _Spent(Exception):
    """The bound of steps is reached."""


@dataclass(slots=True)
class Decoder:
    """What the decoder gives for a number: `texts` turned to their place, what is taken away, and how they are kept
    (`plain`, `base64`, `rc4`)."""

    texts: list[str]
    taken: int
    kind: str

    def text(self, place: float, key: str = "") -> str | None:
        """The text at `place`; None where there is none or it does not decode."""
        at = int(place) - self.taken
        if not 0 <= at < len(self.texts):
            return None
        kept = self.texts[at]
        return kept if self.kind == "plain" else _decoded(kept, key if self.kind == "rc4" else None)


def _decoded(kept: str, key: str | None) -> str | None:
    swapped = re.sub(r"[^A-Za-z0-9+/]", "", kept.translate(_SWAP))
    if len(swapped) % 4 == 1:
        swapped = swapped[:-1]
    text = base64.b64decode(swapped + "=" * (-len(swapped) % 4)).decode("utf-8", "replace")
    return text if key is None else _rc4(text, key) if key else None


def _rc4(text: str, key: str) -> str:
    state, swap = list(range(256)), 0
    for place in range(256):
        swap = (swap + state[place] + ord(key[place % len(key)])) % 256
        state[place], state[swap] = state[swap], state[place]
    made, one, other = [], 0, 0
    for character in text[:65_536]:
        one = (one + 1) % 256
        other = (other + state[one]) % 256
        state[one], state[other] = state[other], state[one]
        made.append(chr(ord(character) ^ state[(state[one] + state[other]) % 256]))
    return "".join(made)


def decoders(root: Node, source: bytes) -> dict[int, Decoder]:
    """The decoders of one file by the byte at which their function begins; empty for ordinary files."""
    if not _WORTH.search(source) or not _HOLDS.search(source) or len(source) > 8 << 20:
        return {}
    file = _File(root)
    try:
        file.read()
    except (_Spent, RecursionError):
        return {}
    return file.found


class _File:
    """One file: its functions and arrays by name, the decoders among them, and the calls that turn the arrays."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.steps = 0
        self.functions: dict[str, Node] = {}
        self.values: dict[str, Node] = {}
        self.arrays: dict[str, list[str]] = {}
        self.made: dict[str, Decoder] = {}
        self.found: dict[int, Decoder] = {}

    def walk(self, node: Node) -> Iterator[Node]:
        """All nodes below, each counted against the bound."""
        waiting = [node]
        while waiting:
            one = waiting.pop()
            self.steps += 1
            if self.steps > STEP_LIMIT:
                raise _Spent
            yield one
            waiting.extend(reversed(one.named_children))

    def read(self) -> None:
        calls = []
        for node in self.walk(self.root):
            name = node.child_by_field_name("name")
            if node.type == "function_declaration" and name is not None:
                self.functions.setdefault(text_of(name), node)
            elif node.type == "variable_declarator" and name is not None and name.type == "identifier":
                value = node.child_by_field_name("value")
                if value is not None and value.type in _FUNCTIONS:
                    self.functions.setdefault(text_of(name), value)
                elif value is not None:
                    self.values.setdefault(text_of(name), value)
            elif node.type == "call_expression":
                target = node.child_by_field_name("function")
                if target is not None and target.type in ("parenthesized_expression", "function_expression"):
                    calls.append(node)
        for own, function in self.functions.items():
            self._array(own, function.child_by_field_name("body"))
        for own, value in self.values.items():
            if value.type == "array":
                self._hold(own, value)
        for own, function in self.functions.items() if self.arrays else ():
            self._decoder(own, function)
        for call in calls if self.made else ():
            self._turn(call)
        self.found = {self.functions[own].start_byte: decoder for own, decoder in self.made.items()}

    def _array(self, name: str, body: Node | None) -> None:
        """`function a() { const t = [...]; a = function () { return t; }; return a(); }`"""
        if body is None or body.end_byte - body.start_byte < 12 or body.named_child_count > 6:
            return
        first = first_of(body)
        declared = first_of(first) if first is not None and first.type.endswith("declaration") else None
        value = declared.child_by_field_name("value") if declared is not None else None
        if value is not None and value.type == "array":
            self._hold(name, value)

    def _hold(self, name: str, array: Node) -> None:
        if not 2 <= array.named_child_count <= ARRAY_LIMIT:
            return
        texts = [self.constant(child, {}) for child in array.named_children]
        if all(isinstance(text, str) for text in texts):
            self.arrays[name] = [str(text) for text in texts]

    def _decoder(self, name: str, node: Node) -> None:
        """A function that takes a number from its first parameter and looks into one of the arrays."""
        body = node.child_by_field_name("body")
        if body is None or name in self.arrays or body.end_byte - body.start_byte > 12_000:
            return
        taken, array = None, ""
        for part in self.walk(body):
            if part.type == "assignment_expression" and taken is None:
                taken = self._taken(part)
            elif part.type == "identifier" and text_of(part) in self.arrays:
                array = text_of(part)
        if taken is None or not array:
            return
        text = text_of(body)
        coded = _ALPHABET in text or _STANDARD in text or "atob" in text
        kind = "plain" if not coded else "rc4" if "^" in text else "base64"
        if _STANDARD in text:
            self.arrays[array] = [one.translate(str.maketrans(_STANDARD, _ALPHABET)) for one in self.arrays[array]]
        self.made[name] = Decoder(self.arrays[array], taken, kind)

    def _taken(self, node: Node) -> int | None:
        """What `x = x - 0x1a0` takes away."""
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None or left.type != "identifier" or right.type != "binary_expression":
            return None
        operator, base = right.child_by_field_name("operator"), right.child_by_field_name("left")
        if operator is None or base is None or text_of(operator) != "-" or text_of(base) != text_of(left):
            return None
        value = self.constant(right.child_by_field_name("right"), {})
        return int(value) if isinstance(value, float) and abs(value) < 1 << 31 else None

    def _turn(self, call: Node) -> None:
        """`(function (a, target) { ... })(array, 0x4cf54)` turns the array to where it belongs."""
        target, given = call.child_by_field_name("function"), call.child_by_field_name("arguments")
        if target is not None and target.type == "parenthesized_expression":
            target = first_of(target)
        if target is None or given is None or target.type not in _FUNCTIONS or given.named_child_count != 2:
            return
        array = text_of(given.named_children[0])
        goal, body = self.constant(given.named_children[1], {}), target.child_by_field_name("body")
        if array not in self.arrays or not isinstance(goal, float) or body is None:
            return
        texts = self.arrays[array]
        total: Node | None = None
        inner: dict[str, Node] = {}
        for part in self.walk(body):
            name = part.child_by_field_name("name")
            value = part.child_by_field_name("value")
            if part.type == "function_declaration" and name is not None:
                inner[text_of(name)] = part
            elif part.type == "variable_declarator" and name is not None and value is not None:
                inner[text_of(name)] = value
                if "parseInt" in text_of(value)[:20_000] and total is None and value.type not in _FUNCTIONS:
                    total = value
        if total is None:
            texts[:] = texts[int(goal) % len(texts) :] + texts[: int(goal) % len(texts)] if goal >= 0 else texts
            return
        before = list(texts)
        for _ in range(len(texts)):
            if self.constant(total, inner) == goal:
                return
            texts.append(texts.pop(0))
        texts[:] = before

    def constant(self, node: Node | None, names: Mapping[str, Node], depth: int = 0) -> Plain:
        """A number or text computed from constants, decoders and functions that only hand on to them."""
        self.steps += 1
        if self.steps > STEP_LIMIT:
            raise _Spent
        if node is None or depth > 40:
            return None
        field = node.child_by_field_name
        match node.type:
            case "number":
                whole = number(text_of(node))
                return float(whole) if whole is not None and abs(whole) < 1 << 53 else None
            case "string":
                return unescaped(text_of(node)[1:-1])
            case "parenthesized_expression":
                return self.constant(first_of(node), names, depth + 1)
            case "unary_expression":
                value = self.constant(field("argument"), names, depth + 1)
                sign = text_of(field("operator") or node)
                signed = {"-": -1.0, "+": 1.0}.get(sign)
                return value * signed if isinstance(value, float) and signed is not None else None
            case "binary_expression":
                left = self.constant(field("left"), names, depth + 1)
                right = self.constant(field("right"), names, depth + 1)
                return _computed(text_of(field("operator") or node), left, right)
            case "identifier":
                known = names.get(text_of(node)) or self.values.get(text_of(node))
                return self.constant(known, names, depth + 1) if known is not None and known.id != node.id else None
            case "member_expression" | "subscript_expression":
                return self._property(node, names, depth)
            case "call_expression":
                return self._called(node, names, depth)
        return None

    def _property(self, node: Node, names: Mapping[str, Node], depth: int) -> Plain:
        """`table.name`, of an object written out in the file."""
        base = node.child_by_field_name("object")
        key = node.child_by_field_name("property")
        wanted = text_of(key) if key is not None else self.constant(node.child_by_field_name("index"), names, depth + 1)
        table = names.get(text_of(base)) or self.values.get(text_of(base)) if base is not None else None
        for pair in table.named_children if table is not None and table.type == "object" else ():
            one = pair.child_by_field_name("key")
            if one is not None and text_of(one).strip("'\"") == wanted:
                return self.constant(pair.child_by_field_name("value"), names, depth + 1)
        return None

    def _called(self, node: Node, names: Mapping[str, Node], depth: int) -> Plain:
        target, given = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if target is None or given is None or target.type != "identifier":
            return None
        arguments = [self.constant(child, names, depth + 1) for child in given.named_children[:8]]
        name = text_of(target)
        for _ in range(8):
            known = names.get(name) or self.values.get(name)
            if name in self.made or known is None or known.type != "identifier":
                break
            name = text_of(known)
        if name == "parseInt":
            return _parsed(arguments[0]) if arguments else None
        if name in self.made:
            return self.fetched(name, arguments)
        own = names.get(name) or self.functions.get(name)
        return self.handed(own, arguments, names, depth) if own is not None and own.type in _FUNCTIONS else None

    def fetched(self, name: str, arguments: list[Plain]) -> str | None:
        """What the decoder of this name gives for these arguments."""
        place, key = (*arguments, None, None)[:2]
        return self.made[name].text(place, key if isinstance(key, str) else "") if isinstance(place, float) else None

    def handed(self, own: Node, arguments: list[Plain], names: Mapping[str, Node], depth: int) -> Plain:
        """A function that only gives back a call with its arguments moved about."""
        parameters, body = own.child_by_field_name("parameters"), own.child_by_field_name("body")
        statements = [part for part in body.named_children if part.type != "comment"] if body is not None else []
        if parameters is None or not statements or statements[-1].type != "return_statement" or len(statements) > 3:
            return None
        outer = _Bound(names, dict(zip(map(text_of, parameters.named_children), arguments, strict=False)), self)
        return outer.constant(first_of(statements[-1]), depth)


class _Bound:
    """The file's names with a function's parameters over them."""

    def __init__(self, names: Mapping[str, Node], given: dict[str, Plain], file: _File) -> None:
        self.names, self.given, self.file = names, given, file

    def constant(self, node: Node | None, depth: int) -> Plain:
        if node is None or node.type != "call_expression":
            return None
        target, given = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if target is None or given is None:
            return None
        arguments = [self._value(child, depth + 1) for child in given.named_children[:8]]
        name = text_of(target)
        if name in self.file.made:
            return self.file.fetched(name, arguments)
        own = self.names.get(name) or self.file.functions.get(name)
        if own is None or own.type not in _FUNCTIONS or depth > 12:
            return None
        return self.file.handed(own, arguments, self.names, depth + 1)

    def _value(self, node: Node, depth: int) -> Plain:
        if node.type == "identifier" and text_of(node) in self.given:
            return self.given[text_of(node)]
        if node.type == "binary_expression":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is not None and right is not None:
                operator = text_of(node.child_by_field_name("operator") or node)
                return _computed(operator, self._value(left, depth + 1), self._value(right, depth + 1))
        return self.file.constant(node, self.names, depth + 1)


def _parsed(text: Plain) -> Plain:
    """`parseInt`: the number a text begins with; None where it begins with none."""
    found = _LEADING.match(text) if isinstance(text, str) else None
    if found is None:
        return text if isinstance(text, float) else None
    value = float(int(found[2], 0 if found[2][:2] in ("0x", "0X") else 10))
    return -value if found[1] == "-" else value


def _computed(operator: str, left: Plain, right: Plain) -> Plain:
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right if len(left) + len(right) < 65_536 else None
    if not isinstance(left, float) or not isinstance(right, float):
        return None
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" if right:
            return left / right
        case "%" if right:
            return left % right
    return None
