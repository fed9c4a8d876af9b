"""Measure once and print what was found as JSON."""

from __future__ import annotations

import importlib
import json
import sys

NAMES = ("tls", "http", "dns", "tcp", "files", "ports", "system")


def main() -> int:
    """The exit status: 0 measured, 1 not to be measured, 2 asked wrongly."""
    if len(sys.argv) != 3 or sys.argv[1] not in NAMES:
        sys.stderr.write(f"usage: python -m pumpkin.probes.ready {'|'.join(NAMES)} TARGET\n")
        return 2
    module = importlib.import_module(f"pumpkin.probes.ready.{sys.argv[1]}")
    try:
        found = module.measure(sys.argv[2])
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
