"""Probes older and newer than the server: what they send is taken, what they do not know is left out of their way."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import pytest

from pumpkin.errors import InvalidRequest
from pumpkin.model import introduction, scram
from pumpkin.store import accounts, agents
from tests.web.conftest import Web


def native(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "type": "df", "format": "text", "payload": {"text": "up"}, **more}


OLDER = [
    # our own before there were targets, status, labels, runs, results and signatures
    {"type": "df", "payload": {"text": "up"}},
    native(),
]
NEWER = [
    # what a later probe may add where the form is open: results, labels, a parser's data
    native(result={"parser": "regex", "version": "9", "data": {"used": 1, "later": {"a": [1]}}}),
    native(labels={"later": "1"}),
    {
        "version": "7", "format": "text", "payload": {"raw": "dXA="},
        "meta": {"ts": 1_700_000_000, "type": "df", "later": True, "uuid": str(uuid4())}, "later": {"a": 1},
    },
    # and where it is closed to others
    native(later=1, run={"argv": ["df"], "later": 2}, payload={"text": "up", "later": [3]}),
    {
        "version": "7", "format": "text", "payload": {"raw": "dXA="},
        "meta": {"ts": 1_700_000_000, "type": "df", "uuid": str(uuid4()), "run": {"argv": ["df"], "later": 2}},
    },
]  # fmt: skip


@pytest.mark.parametrize("body", OLDER + NEWER, ids=range(len(OLDER) + len(NEWER)))
async def test_checks_of_older_and_newer_probes_are_taken_by_https(web: Web, body: dict[str, Any]) -> None:
    await agents.seen(web.services.db, "old@localhost")
    await agents.approve(web.services.db, "old@localhost")
    await accounts.create_account(web.services.db, "old", scram.verifiers("a long enough password"))
    pair = base64.b64encode(b"old@localhost:a long enough password").decode()
    headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json"}
    async with web.client.post("/api/v1/checks", data=json.dumps(body), headers=headers) as answer:
        assert answer.status == 201, await answer.text()
    async with web.client.get("/api/v1/checks?agent=old@localhost", headers=web.writer) as answer:
        assert len((await answer.json())["data"]["items"]) == 1


async def test_what_an_integrator_puts_where_the_form_is_closed_is_refused_by_name(web: Web) -> None:
    """Of a key or a person it is a mistake, of an agent it may be a later form."""
    async with web.client.post("/api/v1/checks", json=native(later=1), headers=web.writer) as answer:
        said = await answer.json()
        assert (answer.status, said["code"]) == (400, "invalid_check")
        assert "later" in json.dumps(said)


@pytest.mark.parametrize(
    "report",
    [
        {},  # the first probes said nothing of themselves
        {"duties": ["probe"]},
        {"behaviours": [{"name": "df"}]},
        {"version": "0.0.1", "behaviours": [{"name": "df", "kind": "periodic", "period_s": 60}]},
        {"version": "9.0.0", "protocol": 7, "later": {"a": 1}, "behaviours": [{"name": "df", "later": [1]}]},
    ],
    ids=range(5),
)
def test_the_report_of_an_older_or_newer_agent_is_read(report: dict[str, Any]) -> None:
    said = introduction.read(report)
    assert set(said) == {"duties", "tags", "site", "version", "behaviours"}
    assert said["version"] == report.get("version", "")


def test_a_report_that_is_none_is_refused_whatever_its_version() -> None:
    with pytest.raises(InvalidRequest):
        introduction.read({"version": "9.0.0", "behaviours": "many"})
