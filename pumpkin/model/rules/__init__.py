"""Correlation: rules over checks of many agents, declared in a file, judged by one state machine each."""

from pumpkin.model.rules.document import Rule, RuleFile
from pumpkin.model.rules.engine import Engine
from pumpkin.model.rules.reading import Fault, InvalidRules, read
from pumpkin.model.rules.selection import Known
from pumpkin.model.rules.sighting import Sighting
from pumpkin.model.rules.signals import Cleared, Fired, Signal

__all__ = [
    "Cleared",
    "Engine",
    "Fault",
    "Fired",
    "InvalidRules",
    "Known",
    "Rule",
    "RuleFile",
    "Sighting",
    "Signal",
    "read",
]
