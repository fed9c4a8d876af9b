"""What the script of the enrolment line says of a probe it started."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from pumpkin.settings import folder


def test_a_probe_that_ends_at_once_is_not_said_to_run(tmp_path: Path) -> None:
    text = (folder("templates") / "enroll.sh").read_text()
    helpers = re.findall(r"^(?:say|die|root)\(\) \{.*\}$", text, re.MULTILINE)
    start = re.findall(r"^start_probe\(\) \{$.*?^\}$", text, re.MULTILINE | re.DOTALL)
    functions = "\n".join(helpers + start).replace("/run/systemd/system", "/nowhere")
    probe = tmp_path / "pumpkin"
    probe.write_text("#!/bin/sh\necho 'no Python for you' >&2\nexit 126\n")
    probe.chmod(0o755)
    done = subprocess.run(
        ["sh", "-euc", f"{functions}\nhome={tmp_path} user=root\nstart_probe"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert "it ended at once: no Python for you" in done.stderr
    assert "it runs" not in done.stderr
