"""SCANDALE's configuration unchanged, and what stands in the way of a wrong one."""

import json
from pathlib import Path

import pytest

from pumpkin.errors import StartError
from pumpkin.model import jobs

SEED = """{
   "uuid": "",
   "period": 3600,
   "target": "",
   "command": "<-how-to-launch-the-scanning-tool>",
   "args": [],
   "result_parser": "",
   "up_agent": ""
}"""


def test_the_seeds_configuration_is_read_as_printed() -> None:
    config = jobs.loads(SEED)
    [job] = config.jobs
    assert (config.uuid, config.up_agent, job.target) == (None, None, None)
    assert (job.behaviour, job.period, job.result_parser) == ("periodic", 3600, "raw")
    assert job.argv == ["<-how-to-launch-the-scanning-tool>"]


def test_a_command_is_split_by_shell_rules_and_the_target_stays_one_argument() -> None:
    config = jobs.parse({"command": "tool 'a b' --to={target} {target}", "args": "-x y", "target": "one two; rm"})
    assert config.jobs[0].argv == ["tool", "a b", "--to=one two; rm", "one two; rm", "-x", "y"]


def test_many_jobs_share_what_stands_at_the_top() -> None:
    config = jobs.parse({"type": "dns", "command": "dig", "jobs": [{"args": ["a"]}, {"args": ["b"], "type": "x"}]})
    assert [(job.name, job.type, job.argv) for job in config.jobs] == [
        ("dns-1", "dns", ["dig", "a"]),
        ("x-2", "x", ["dig", "b"]),
    ]
    assert {job.behaviour for job in config.jobs} == {"one-shot"}


def test_variables_are_filled_in_and_secrets_do_not_print() -> None:
    config = jobs.parse({"command": "x", "jid": "p@localhost", "passwd": "${SECRET}"}, {"SECRET": "s3cret"})
    assert config.passwd is not None
    assert config.passwd.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(config)


def test_toml_is_read_too() -> None:
    assert jobs.loads('command = ["true"]\nperiod = 5\n', toml=True).jobs[0].period == 5


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{", "{}", '{"command": ""}', '{"command": "\'"}', '{"command": "x", "period": -1}',
        '{"command": "x", "jobs": {}}', '{"command": "x", "jobs": [5]}', '{"command": "x", "behaviour": "sometimes"}',
        '{"command": "x", "behaviour": "periodic"}', '{"command": "x", "surprise": 1}', '{"command": "${UNSET}"}',
        '{"command": "x", "uuid": "nope"}', '{"command": "x", "timeout": 0}', "[" * 100_000,
    ],
)  # fmt: skip
def test_a_wrong_configuration_ends_the_start_with_a_sentence(text: str) -> None:
    with pytest.raises(StartError) as refused:
        jobs.loads(text)
    assert refused.value.message.endswith(".")


def test_a_fault_does_not_show_the_secret() -> None:
    with pytest.raises(StartError) as refused:
        jobs.loads(json.dumps({"command": "x", "passwd": ["s3cret"]}))
    assert "s3cret" not in refused.value.message


EXAMPLES = sorted(
    file
    for file in (Path(__file__).parents[2] / "docs" / "examples").rglob("*")
    if file.is_file() and file.name != "alerts.toml"  # these are rules
)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_example_in_the_docs_is_a_configuration(file: Path) -> None:
    config = jobs.loads(file.read_text(), {"PROBE_PASSWORD": "x"}, toml=file.suffix == ".toml")
    assert config.jid is not None
    assert all(job.argv[0] for job in config.jobs)
