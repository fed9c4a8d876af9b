"""The documentation is complete: every setting and error code stands in it."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest
from pydantic import BaseModel

import actors
import pumpkin
from pumpkin import errors
from pumpkin.adapters import modules
from pumpkin.sections import (
    AccessSettings,
    AuthoritySettings,
    CorrelationSettings,
    EngineAddress,
    LogSettings,
    ModuleSettings,
    OpenIdSettings,
    PackageSettings,
    PublicSettings,
    RegistrySettings,
    RetentionRule,
    SandboxSettings,
    UpkeepSettings,
    WitnessSettings,
    XmppSettings,
)
from pumpkin.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize(
    ("model", "prefix"),
    [
        (Settings, ""),
        (XmppSettings, "xmpp."),
        (LogSettings, "log."),
        (AuthoritySettings, "authorities."),
        (WitnessSettings, "log.witnesses."),
        (SandboxSettings, "sandbox."),
        (RegistrySettings, "registries."),
        (PackageSettings, "packages."),
        (AccessSettings, "access."),
        (CorrelationSettings, "correlation."),
        (EngineAddress, "engines."),
        (ModuleSettings, "modules."),
        (UpkeepSettings, "upkeep."),
        (OpenIdSettings, "openid."),
        (PublicSettings, "public."),
        (RetentionRule, "upkeep.retention."),
    ],
)
def test_every_setting_is_documented_with_its_meaning(model: type[BaseModel], prefix: str) -> None:
    text = (DOCS / "settings.md").read_text("utf-8")
    inner = {"xmpp", "log", "sandbox", "authorities", "registries", "packages", "access", "modules", "upkeep"}
    inner |= {"openid", "public", "correlation"}
    parts = inner if not prefix else set()
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


def every_error() -> set[type[errors.PumpkinError]]:
    """All error classes of the product, from wherever they stand."""
    for package in (pumpkin, actors):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(("pumpkin.__main__", "pumpkin.runner")):
                importlib.import_module(module.name)
    return {kind for kind in descendants(errors.PumpkinError) if kind.__module__.startswith(("pumpkin.", "actors."))}


def test_every_error_code_is_documented_with_its_status() -> None:
    text = (DOCS / "errors.md").read_text("utf-8")
    off_the_wire = descendants(errors.TsaError) | descendants(errors.StartError)
    for kind in every_error() - off_the_wire:
        listed = f"| `{kind.code}` | {kind.status} |" in text
        assert listed or (kind.code.startswith("xmpp_") and f"`{kind.code}`" in text), kind
    for kind in descendants(errors.TsaError):
        assert f"`{kind.code}`" in text, kind


def test_every_option_of_every_module_is_documented_with_its_meaning() -> None:
    text = (DOCS / "modules.md").read_text("utf-8")
    for kind in modules.kinds().values():
        assert f'kind = "{kind.name}"' in text
        for name, field in kind.load().Options.model_fields.items():
            assert f"| `{field.alias or name}` |" in text, (kind.name, name)
            assert field.description
            assert field.description.rstrip(".") in text or name == "facility"
