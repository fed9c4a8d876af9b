"""From a tool's run to a check and its status."""

import pytest

from pumpkin.evidence import record
from pumpkin.model import jobs, wire
from pumpkin.probes.measure import Source, measure

SOURCE = Source("probe@localhost", "0f1c4c0e-7c5e-4d6b-9d62-3d0c3f6e0a11", "paris")


def job(**values: object) -> jobs.Job:
    return jobs.parse({"type": "t", **values}).jobs[0]


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"command": "echo hello"}, "ok"),
        ({"command": "echo hello", "expected_value": "hello"}, "ok"),
        ({"command": "echo hello", "expected_value": "bye"}, "critical"),
        ({"command": "echo 5", "result_parser": "json", "expected_value": 5}, "ok"),
        ({"command": "echo true", "result_parser": "json", "expected_value": 1}, "critical"),
        ({"command": "false"}, "critical"),
        ({"command": "/nonexistent"}, "unknown"),
        ({"command": "sleep 60", "timeout": 0.2}, "unknown"),
        ({"command": "sh -c 'kill -9 $$'"}, "unknown"),
        ({"command": "echo '{'", "result_parser": "json"}, "unknown"),
        (
            {
                "command": """echo '{"n": 7}'""",
                "result_parser": "json",
                "thresholds": [{"field": "n", "warning": 5, "critical": 10}],
            },
            "warning",
        ),
        (
            {
                "command": """echo '{"n": [1]}'""",
                "result_parser": "json",
                "thresholds": [{"field": "n.0", "critical": 2, "direction": "below"}],
            },
            "critical",
        ),
        ({"command": "echo 1", "result_parser": "json", "thresholds": [{"field": "n", "warning": 1}]}, "unknown"),
    ],
)
async def test_the_status_says_how_it_went(values: dict[str, object], status: str) -> None:
    seen = await measure(job(**values), SOURCE)
    assert seen.detail["status"] == status
    # Whatever happened, the check can be sent, read again, and recorded.
    assert wire.from_native(wire.to_native(seen), agent="probe@localhost") == seen
    assert record.make(seen, 1).record


async def test_a_check_says_how_the_tool_ran() -> None:
    seen = await measure(job(command="sh -c 'echo out; echo err >&2; exit 2'", target="198.51.100.7"), SOURCE)
    run = seen.detail["run"]
    assert (run["argv"][0], run["exit_status"], run["stderr"], run["timed_out"]) == ("sh", 2, "err\n", False)
    assert (seen.payload, seen.detail["target"], seen.detail["site"]) == (b"out\n", "198.51.100.7", "paris")
    assert seen.detail["source"] == SOURCE.uuid


async def test_binary_noise_is_carried_whole() -> None:
    seen = await measure(job(command=r"printf '\377\000x'"), SOURCE)
    assert (seen.payload, seen.media) == (b"\xff\x00x", "application/octet-stream")
