"""People's word on findings over HTTP: the version is judged anew, both verdicts are kept and proven."""

from __future__ import annotations

import json
from typing import Any

from pumpkin.evidence.bundle_verify import verify_bundle
from pumpkin.evidence.bundle_zip import unpack
from pumpkin.model.findings import Finding, Group, Level
from pumpkin.store import audit
from tests.web.analysis.conftest import Analysis

THEFT = Finding("static", "flow-secret-leak", Level.CRITICAL, Group.FLOW, "sends secrets", "T1552.001", "x.py", 3, "q")


async def call(analysis: Analysis, method: str, path: str, status: int = 200, **more: Any) -> dict[str, Any]:
    async with analysis.web.client.request(method, path, headers=analysis.headers, **more) as answer:
        found: dict[str, Any] = await answer.json()
        assert answer.status == status, found
    return found


async def reported(analysis: Analysis) -> int:
    """The number of a kept report that calls a package malicious."""
    analysis.kitchen.outcome, analysis.kitchen.findings = "malicious", [THEFT]
    await analysis.done("pkg:pypi/thing@1.0")
    found = await analysis.get("/api/v1/reports/history/?name=thing")
    return int(found["data"]["items"][0]["report_id"])


async def test_a_suppressed_finding_no_longer_weighs_and_can_be_had_back(analysis: Analysis) -> None:
    number = await reported(analysis)
    (row,) = (await analysis.get(f"/api/v1/reports/{number}/triage"))["data"]["findings"]
    assert (row["rule"], row["mark"]) == ("flow-secret-leak", None)
    path = f"/api/v1/reports/{number}/triage/{row['id']}"
    word = {"state": "suppressed", "reason": "our own backup", "days": 30}
    made = (await call(analysis, "PUT", path, json=word))["data"]["report"]
    assert (made["outcome"], made["before"], made["rescored_from"]) == ("clean", "malicious", number)
    document = await analysis.get(f"/api/v1/reports/{made['report_id']}/")
    verdict, (before,) = (document["analysis_results"][key] for key in ("verdict", "previous_verdicts"))
    assert (before["outcome"], verdict["outcome"]) == ("malicious", "clean")
    assert before["at"] < verdict["at"]
    assert (verdict["triage"][0]["reason"], verdict["triage"][0]["level"]) == ("our own backup", "critical")
    back = (await call(analysis, "DELETE", path))["data"]["report"]
    assert back["outcome"] == "malicious"
    acts = [act.act for act in await audit.page(analysis.web.services.db, object="pypi/thing")]
    assert acts == ["triage.removed", "triage.suppressed"]


async def test_both_verdicts_stand_under_a_proof(analysis: Analysis) -> None:
    number = await reported(analysis)
    made = (await call(analysis, "POST", f"/api/v1/reports/{number}/rescore"))["data"]["report"]
    assert (made["outcome"], made["rescored_from"], made["rules"]) == ("malicious", number, "r1")
    await analysis.web.line.until_stamped(2)
    async with analysis.web.client.get(f"/api/v1/reports/{made['report_id']}/bundle") as answer:
        data = await answer.read()
    line = analysis.web.line
    assert verify_bundle(data, roots=[line.tsa.authority.root_pem], log_key=line.key.vkey.encode()).ok
    payloads = [json.loads(one) for name, one in unpack(data).items() if name.endswith("payload.bin")]
    assert {(one["outcome"], one["rules"]) for one in payloads} == {("malicious", "r1")}
    assert len({one["report_sha256"] for one in payloads}) == 2


async def test_what_is_no_mark_is_refused(analysis: Analysis) -> None:
    number = await reported(analysis)
    (row,) = (await analysis.get(f"/api/v1/reports/{number}/triage"))["data"]["findings"]
    path = f"/api/v1/reports/{number}/triage/{row['id']}"
    await call(analysis, "PUT", path, 400, json={"state": "suppressed", "reason": ""})
    await call(analysis, "PUT", path, 400, json={"state": "gone", "reason": "x"})
    await call(analysis, "PUT", path[:-4] + "0000", 404, json={"state": "reviewed", "reason": "x"})
    await call(analysis, "DELETE", path, 404)
    await call(analysis, "POST", "/api/v1/reports/999/rescore", 404)
    reader = await analysis.key(scopes=["packages:read"])
    async with analysis.web.client.put(path, json={"state": "reviewed", "reason": "x"}, headers=reader) as answer:
        assert answer.status == 403
