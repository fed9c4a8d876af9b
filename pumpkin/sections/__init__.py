"""The parts of the settings file, each one frozen model; `pumpkin.settings` joins them."""

from __future__ import annotations

from pumpkin.sections.access import AccessSettings, OpenIdSettings, PublicSettings
from pumpkin.sections.fleet import XmppSettings
from pumpkin.sections.modules import ModuleSettings
from pumpkin.sections.packages import PackageSettings, RegistrySettings
from pumpkin.sections.part import CENTURIES
from pumpkin.sections.proofs import AuthoritySettings, LogSettings, WitnessSettings
from pumpkin.sections.sandbox import EngineAddress, SandboxSettings
from pumpkin.sections.upkeep import CorrelationSettings, RetentionRule, UpkeepSettings

__all__ = [
    "CENTURIES",
    "AccessSettings",
    "AuthoritySettings",
    "CorrelationSettings",
    "EngineAddress",
    "LogSettings",
    "ModuleSettings",
    "OpenIdSettings",
    "PackageSettings",
    "PublicSettings",
    "RegistrySettings",
    "RetentionRule",
    "SandboxSettings",
    "UpkeepSettings",
    "WitnessSettings",
    "XmppSettings",
]
