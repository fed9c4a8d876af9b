"""The files for engines and clusters are of the form those take, and name what the program knows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from pumpkin.__main__ import cli
from pumpkin.settings import Settings

DEPLOY = Path(__file__).parents[1] / "docs" / "deploy"


def test_kubernetes_takes_the_manifests() -> None:
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))
    assert {one["kind"] for one in documents} >= {"StatefulSet", "Deployment", "Service"}
    for one in documents:
        kubernetes_validate.validate(one, "1.33", strict=True)


def test_prometheus_is_told_where_to_scrape_and_when_to_alert() -> None:
    told = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text("utf-8"))
    (job,) = told["scrape_configs"]
    assert (job["job_name"], told["rule_files"]) == ("pumpkin", ["alerts.yaml"])
    groups = yaml.safe_load((DEPLOY / "alerts.yaml").read_text("utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        for opened, closed in ("()", "[]", "{}"):
            assert rule["expr"].count(opened) == rule["expr"].count(closed), rule
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))


@pytest.mark.parametrize("name", ["compose.yaml", "swarm.yaml"])
def test_docker_takes_the_stack_files(name: str) -> None:
    done = subprocess.run(
        ["docker", "stack", "config", "--compose-file", str(DEPLOY / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["compose.yaml", "swarm.yaml", "kubernetes.yaml", "pumpkin.service"])
def test_settings_and_commands_in_them_are_those_there_are(name: str) -> None:
    text = (DEPLOY / name).read_text("utf-8")
    known = {f"PUMPKIN_{part.upper()}" for part in Settings.model_fields} | {"PUMPKIN_CONFIG"}
    for variable in re.findall(r"\bPUMPKIN_[A-Z_]+", text):
        first = variable.partition("__")[0]
        assert first in known or variable in ("PUMPKIN_IMAGE", "PUMPKIN_DOMAIN"), variable
    for words in re.findall(r'(?:command|args): \["(run|worker)", ([^\]]*)\]', text):
        helped = CliRunner().invoke(cli, [words[0], "--help"]).output
        for option in re.findall(r"--[a-z-]+", words[1]):
            assert option in helped
