"""Writes the lists of popular names from what scripts/popular fetched: most popular first where the source ranks."""

from __future__ import annotations

import json
import re
import sys
import tomllib
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
    known = tomllib.loads((Path(__file__).parent / "known_names.toml").read_text())
    listed_here = {of: [f"{vendor}/{name}" for vendor, names in known[of].items() for name in names.split()]
                   for of in ("composer", "maven")}  # fmt: skip
    save("composer", [*listed_here["composer"], *debian_php((work / "php").read_text(), known["composer"])])
    save("maven", listed_here["maven"])


def debian_php(lines: str, vendors: dict[str, str]) -> list[str]:
    """The names of Debian's packages `php-VENDOR-NAME` of the vendors known, as Packagist writes them."""
    found = []
    for line in lines.splitlines():
        package = line.split(" ")[0].removeprefix("php-")
        for vendor in vendors:
            if package.startswith(f"{vendor}-") and len(package) > len(vendor) + 1:
                found.append(f"{vendor}/{package.removeprefix(f'{vendor}-')}")
    return sorted(found)


def save(ecosystem: str, names: list[str]) -> None:
    """One name a line, each once, in the order given."""
    kept = list(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
    (TARGET / f"{ecosystem}.txt").write_text("".join(f"{name}\n" for name in kept))
    print(f"{ecosystem}: {len(kept)} names")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
