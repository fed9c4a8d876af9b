"""What is wrong with given values, in our own words: a library's sentences are for whoever calls the library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

FAULTS = 20
PATH_LIMIT = 200
WORDS_LIMIT = 300

_PLAIN: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "none_required": "is not null",
    "string_type": "is not text",
    "string_sub_type": "is not text",
    "string_unicode": "is not text",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "float_parsing": "is not a number",
    "finite_number": "is not a finite number",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "dict_type": "is not an object",
    "mapping_type": "is not an object",
    "model_type": "is not an object",
    "model_attributes_type": "is not an object",
    "list_type": "is not a list",
    "tuple_type": "is not a list",
    "set_type": "is not a list",
    "frozen_set_type": "is not a list",
    "iterable_type": "is not a list",
    "bytes_type": "is not text",
    "uuid_type": "is not a UUID",
    "uuid_parsing": "is not a UUID",
    "uuid_version": "is not a UUID of that version",
    "datetime_type": "is not a time (RFC 3339)",
    "datetime_parsing": "is not a time (RFC 3339)",
    "datetime_from_date_parsing": "is not a time (RFC 3339)",
    "datetime_object_invalid": "is not a time (RFC 3339)",
    "timezone_aware": "is a time without its offset",
    "date_type": "is not a date",
    "date_parsing": "is not a date",
    "date_from_datetime_parsing": "is not a date",
    "time_parsing": "is not a time of day",
    "url_parsing": "is not an address",
    "url_type": "is not an address",
    "url_scheme": "is not an address of that scheme",
    "json_invalid": "is not JSON",
    "json_type": "is not JSON",
    "recursion_loop": "is nested too deeply",
    "string_pattern_mismatch": "is not of the documented form",
    "union_tag_not_found": "does not say of which kind it is",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "is not more than {}"),
    "greater_than_equal": ("ge", "is less than {}"),
    "less_than": ("lt", "is not less than {}"),
    "less_than_equal": ("le", "is more than {}"),
    "multiple_of": ("multiple_of", "is not a multiple of {}"),
    "string_too_short": ("min_length", "is shorter than {}"),
    "string_too_long": ("max_length", "is longer than {}"),
    "bytes_too_short": ("min_length", "is shorter than {} bytes"),
    "bytes_too_long": ("max_length", "is longer than {} bytes"),
    "too_short": ("min_length", "has fewer than {}"),
    "too_long": ("max_length", "has more than {}"),
    "literal_error": ("expected", "is none of {}"),
    "enum": ("expected", "is none of {}"),
    "union_tag_invalid": ("expected_tags", "is none of the kinds {}"),
}
_COUNTED: Mapping[str, tuple[str, str]] = {
    "string_too_short": ("character", "characters"),
    "string_too_long": ("character", "characters"),
    "too_short": ("member", "members"),
    "too_long": ("member", "members"),
}


def faults(error: ValidationError, prefix: str = "") -> dict[str, str]:
    """What is wrong by the field's path (`prefix` before it, `body` for the whole), the first twenty; each reads on
    from its path: `targets is missing`. No value that was given is shown."""
    found: dict[str, str] = {}
    for one in error.errors(include_url=False, include_input=False)[:FAULTS]:
        path = ".".join(str(part) for part in one["loc"])[:PATH_LIMIT]
        found.setdefault(f"{prefix}{path}" if path else (prefix.rstrip(".") or "body"), words(one))
    return found


def first(error: ValidationError) -> tuple[str, str]:
    """The path of the first field that is wrong ("" for the whole), and what is wrong with it."""
    one = error.errors(include_url=False, include_input=False)[0]
    return ".".join(str(part) for part in one["loc"])[:PATH_LIMIT], words(one)


def words(error: Mapping[str, Any]) -> str:
    """What one error says, to be read behind the field's name. Our own validators' sentences stay as they are."""
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _BOUNDS:
        name, sentence = _BOUNDS[kind]
        limit = context.get(name, "that")
        listed = str(limit).replace("'", "").replace(" or ", ", ").strip(", ")  # without the empty word for none
        limit = f"{limit:g}" if isinstance(limit, float) else listed
        if kind in ("literal_error", "enum") and ", " not in limit:
            return f"is not {limit}"[:WORDS_LIMIT]
        one, many = _COUNTED.get(kind, ("", ""))
        return sentence.format(f"{limit} {one if limit == '1' else many}".strip())[:WORDS_LIMIT]
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error") or "does not fit")[:WORDS_LIMIT]
    return "does not fit"
