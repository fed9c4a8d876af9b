"""What the script of the enrolment line says of a probe it started."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pumpkin.settings import folder

SYSTEMCTL = """#!/bin/sh
echo "$*" >>"{folder}/asked"
case "$*" in
    "is-active"*) exit {active} ;;
    *NRestarts*) echo {restarts} ;;
    *ActiveState*) printf 'activating\nexit-code\n' ;;
esac
"""


@pytest.mark.parametrize(("active", "restarts"), [(0, 0), (3, 0), (0, 2)])
def test_a_service_that_does_not_stay_up_is_not_said_to_run(tmp_path: Path, active: int, restarts: int) -> None:
    text = (folder("templates") / "enroll.sh").read_text()
    helpers = re.findall(r"^(?:say|die|root)\(\) \{.*\}$", text, re.MULTILINE)
    start = re.findall(r"^(?:service_failed|start_probe)\(\) \{$.*?^\}$", text, re.MULTILINE | re.DOTALL)
    functions = "\n".join(helpers + start).replace("/run/systemd/system", str(tmp_path))
    functions = functions.replace("/etc/systemd/system", str(tmp_path)).replace("sleep 1", "sleep 0.01")
    commands = {
        "systemctl": SYSTEMCTL.format(folder=tmp_path, active=active, restarts=restarts),
        "journalctl": "#!/bin/sh\necho 'The file /opt/probe.toml cannot be read: permission denied.'\n",
        "pumpkin": "#!/bin/sh\necho '[Service]'\n",
    }
    for name, content in commands.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["sh", "-euc", f"root() {{ true; }}\n{functions}\nroot() {{ true; }}\nhome={tmp_path} user=root\nstart_probe"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert "restart pumpkin-probe" in (tmp_path / "asked").read_text()
    if (active, restarts) == (0, 0):
        assert (done.returncode, "it runs as the service" in done.stderr) == (0, True), done.stderr
    else:
        assert done.returncode == 1
        assert "does not stay up (activating exit-code ): The file /opt/probe.toml cannot be read" in done.stderr
        assert "it runs" not in done.stderr


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
