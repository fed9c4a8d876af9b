"""Writes the lists of popular names from what scripts/popular fetched: most popular first where the source ranks."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

TARGET = Path(__file__).parents[2] / "pumpkin/analysis/popular"
FORMER = {"pypi": ["pycrypto", "nose", "mock", "pylint", "distribute", "fabric", "bitcoinlib", "colorama", "jellyfish"],
          "npm": ["fabric", "node-sass", "request", "nodemailer", "cross-env", "electron", "discord.js"]}  # fmt: skip
"""Popular once, or in a way downloads do not show, and imitated still."""


def main(work: Path) -> None:
    resources = work / "guarddog/guarddog/analyzer/metadata/resources"
    listed = {name: json.loads((resources / f"top_{name}_packages.json").read_text())["packages"]
              for name in ("pypi", "npm", "rubygems")}  # fmt: skip
    high = re.findall(r"'([^']+)'", (work / "package/lib/top.js").read_text())
    crates = [re.sub(r"^librust-|-dev$", "", line.split(" ")[0]) for line in (work / "crates").read_text().splitlines()]
    crates = sorted({re.sub(r"-\d+(?:\.\d+)*$", "", crate) for crate in crates})
    save("pypi", [*listed["pypi"], *FORMER["pypi"]])
    save("npm", [*high[:2000], *listed["npm"], *high[2000:], *FORMER["npm"]])
    save("gem", listed["rubygems"])
    save("cargo", crates)


def save(ecosystem: str, names: list[str]) -> None:
    """One name a line, each once, in the order given."""
    kept = list(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
    (TARGET / f"{ecosystem}.txt").write_text("".join(f"{name}\n" for name in kept))
    print(f"{ecosystem}: {len(kept)} names")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
