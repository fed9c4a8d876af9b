"""The documentation is complete: every setting and error code stands in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from pumpkin import errors
from pumpkin.settings import AuthoritySettings, LogSettings, Settings, XmppSettings

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize(
    ("model", "prefix"),
    [(Settings, ""), (XmppSettings, "xmpp."), (LogSettings, "log."), (AuthoritySettings, "authorities.")],
)
def test_every_setting_is_documented_with_its_meaning(model: type[BaseModel], prefix: str) -> None:
    text = (DOCS / "settings.md").read_text("utf-8")
    parts = {"xmpp", "log", "authorities"} if not prefix else set()
    for name, field in model.model_fields.items():
        if name not in parts:
            assert f"| `{prefix}{name}` |" in text
            assert field.description
            assert field.description.rstrip(".") in text


def descendants(kind: type[errors.PumpkinError]) -> set[type[errors.PumpkinError]]:
    found = {kind}
    for child in kind.__subclasses__():
        found |= descendants(child)
    return found


def test_every_error_code_is_documented_with_its_status() -> None:
    text = (DOCS / "errors.md").read_text("utf-8")
    of_tokens = descendants(errors.TsaError)
    for kind in descendants(errors.PumpkinError) - {errors.StartError} - of_tokens:
        assert f"| `{kind.code}` | {kind.status} |" in text, kind
    for kind in of_tokens:
        assert f"`{kind.code}`" in text, kind
