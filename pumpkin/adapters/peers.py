"""A probe asks others to confirm what it saw: by duty or by name, through the aggregator, which picks whom and how.

`<ask xmlns="urn:pumpkin:ask:0" duty|jid agents? elsewhere?>JSON</ask>` by IQ set is answered by
`<answers>[{"agent", "channel", "status", "check", "agrees"} or {"agent", "error"}]</answers>`; the same by
`POST /api/v1/agents/ask` while XMPP is away. What came of it is a check of its own, of the type `confirmation`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element

from pumpkin.adapters.stanzas import name
from pumpkin.errors import InvalidRequest, PumpkinError, Unavailable
from pumpkin.model.checks import Observation
from pumpkin.model.jobs import Job

ASK = "urn:pumpkin:ask:0"
TAG, ANSWERS = name("ask", ASK), name("answers", ASK)
ANSWER_S = 150.0

Post = Callable[[str, Mapping[str, Any]], Awaitable[Any]]


def wanted(job: Job, seen: Observation, before: str | None) -> bool:
    """Whether a check is to be confirmed by others: its status is one to ask about, and was another one before."""
    status = seen.detail.get("status")
    return job.confirm is not None and status in job.confirm.on and status != before


def question(job: Job, seen: Observation) -> dict[str, Any]:
    """What is asked about a check of a job whose `confirm` stands."""
    confirm = job.confirm
    if confirm is None:
        raise InvalidRequest("This job asks nobody.")
    return {
        "duty": confirm.duty,
        "agents": confirm.agents,
        "elsewhere": confirm.elsewhere,
        "about": {
            "check": str(seen.id),
            "type": seen.type,
            "target": seen.detail.get("target"),
            "status": seen.detail.get("status"),
        },
    }


async def ask(
    asked: Mapping[str, Any], by_xmpp: Callable[[Element], Awaitable[Element]], by_https: Post | None
) -> tuple[str, list[dict[str, Any]]]:
    """The way it went ("xmpp" or "https") and the answers; PumpkinError when neither way is open."""
    element = Element(TAG, {key: str(asked[key]) for key in ("duty", "jid") if asked.get(key)})
    element.set("agents", str(asked.get("agents", 1)))
    if asked.get("elsewhere"):
        element.set("elsewhere", "true")
    element.text = json.dumps(asked["about"])
    try:
        answer = await by_xmpp(element)
    except Unavailable:
        if by_https is None:
            raise
        found = await by_https("/api/v1/agents/ask", asked)
        return "https", _answers(found.get("data", {}).get("answers"))
    said = answer.find(ANSWERS)
    try:
        return "xmpp", _answers(json.loads((said.text or "") if said is not None else ""))
    except ValueError:
        raise Unavailable("The aggregator's answer cannot be read.") from None


def confirmation(agent: str, job: Job, seen: Observation, way: str, answers: list[dict[str, Any]]) -> Observation:
    """The check that says who agreed. It is ok when somebody answered and all who did saw the same, warning when one
    saw something else, unknown when nobody answered."""
    heard = [one for one in answers if "agrees" in one]
    status = "unknown" if not heard else "ok" if all(one["agrees"] for one in heard) else "warning"
    said = {
        "of": str(seen.id),
        "status": seen.detail.get("status"),
        "asked": job.confirm.duty if job.confirm else "",
        "way": way,
        "agree": sum(bool(one["agrees"]) for one in heard),
        "answers": answers,
    }
    detail = {
        "source": seen.detail.get("source"),
        "target": seen.detail.get("target"),
        "site": seen.detail.get("site"),
        "status": status,
        "labels": {"confirms": str(seen.id), "job": job.name[:100]},
        "result": {"parser": "confirmation", "version": 1, "data": said},
    }
    return Observation(
        id=uuid4(),
        type="confirmation",
        format="json",
        agent=agent,
        observed=time.time_ns() // 1_000,
        payload=json.dumps(said, sort_keys=True).encode(),
        media="application/json",
        detail={key: value for key, value in detail.items() if value not in (None, "")},
    )


def failed(error: PumpkinError) -> list[dict[str, Any]]:
    """The answers where nobody could be asked."""
    return [{"agent": "", "error": error.message[:300]}]


def _answers(given: Any) -> list[dict[str, Any]]:
    listed = given if isinstance(given, list) else []
    return [
        {key: one[key] for key in ("agent", "channel", "status", "check", "agrees", "error") if key in one}
        for one in listed[:20]
        if isinstance(one, dict)
    ]
