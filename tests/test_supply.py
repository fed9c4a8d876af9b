"""What is shipped has licences that fit, and its bill of materials names all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.supply.__main__ import ROOT, bill, shipped, unfit


def test_every_shipped_package_has_a_licence_that_fits() -> None:
    assert list(unfit()) == []
    assert {"aiohttp", "asyncpg", "slixmpp", "cryptography"} <= shipped()
    assert "pytest" not in shipped()


def test_the_bill_of_materials_names_what_is_shipped(tmp_path: Path) -> None:
    out = tmp_path / "bill.json"
    command = ["export", "--quiet", "--frozen", "--no-dev", "--all-extras", "--format", "cyclonedx1.5"]
    more = ["--preview-features", "sbom-export", "--output-file", str(out)]
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, *command, *more], check=True, capture_output=True, cwd=ROOT)
    assert bill(out) == 0
