"""Untrusted artifacts looked at in confined worker processes, killed and replaced when they hang or die."""

from __future__ import annotations

from pumpkin.adapters.scanner.pool import Scanner

__all__ = ["Scanner"]
