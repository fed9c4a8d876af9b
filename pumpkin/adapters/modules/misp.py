"""MISP: each item an event; reports with the objects of `analysis.outputs.misp`, and the proof of the time with it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid5

from pydantic import Field, SecretStr
from pymisp import MISPEvent, MISPObject, MISPOrganisation

from pumpkin.adapters.modules import reports
from pumpkin.adapters.modules.base import Failed, Module, Outcome, Place, Refused, revealed
from pumpkin.adapters.modules.http import Answer, Endpoint, HttpOptions, json_object, judge
from pumpkin.adapters.modules.targets import observable
from pumpkin.analysis.outputs import misp as outputs
from pumpkin.errors import StartError
from pumpkin.model.deliveries import Item, plain

THREATS = {"critical": 1, "warning": 2, "unknown": 4, "ok": 4}
DISTRIBUTIONS = {"organisation": 0, "community": 1, "connected": 2, "all": 3}
TEXT_LIMIT = 60_000
_ATTRIBUTES = {"ipv4": "ip-dst", "ipv6": "ip-dst", "domain": "domain", "url": "url"}


class MispOptions(HttpOptions):
    key: SecretStr = Field(description="Authentication key of the account that writes.")
    distribution: Literal["organisation", "community", "connected", "all"] = Field(
        "organisation", description="Who may see the events."
    )
    publish: bool = Field(False, description="Whether each event is published at once.")
    tags: list[str] = Field(default_factory=list, description="Further tags of every event.")


class Misp(Module):
    """The target is the instance's address. An event's UUID follows from what it tells of: brought again it is edited,
    not doubled."""

    Options = MispOptions
    wants = frozenset({"report", "proof"})

    def __init__(self, place: Place, options: Any) -> None:
        super().__init__(place, options)
        key = revealed(options.key)
        if not key.isascii() or not key.isalnum():
            raise StartError(f"The option key of the module {place.name} is no authentication key.")
        headers = {**options.headers, "Authorization": key, "Accept": "application/json"}
        self._endpoint = Endpoint(place.target, name=place.name, ca=options.ca, headers=headers)

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        for item in items:
            made = event(item, self.options, self.place.link)
            known = await self._ask("GET", f"events/view/{made.uuid}", None, missing=True)
            way = f"events/edit/{made.uuid}" if known.status == 200 else "events/add"
            answer = json_object(await self._ask("POST", way, made.to_json().encode()))
            kept = answer.get("Event")
            if not isinstance(kept, dict) or kept.get("uuid") != made.uuid:
                raise Failed("it does not answer with the event")
            if self.options.publish:
                await self._ask("POST", f"events/publish/{made.uuid}", b"{}")
        return None

    async def _ask(self, method: str, path: str, body: bytes | None, *, missing: bool = False) -> Answer:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        answer = await self._endpoint.ask(method, self._endpoint.url(path), body=body, headers=headers)
        if answer.status == 403 and (why := _invalid(answer)):
            raise Refused(why)  # MISP answers 403 to what breaks its rules, too
        return judge(answer, also=frozenset({404}) if missing else frozenset())

    async def close(self) -> None:
        await self._endpoint.close()


def event(item: Item, options: MispOptions, link: str = "") -> MISPEvent:
    """The event of an item."""
    scanned = reports.scanned(item)
    made = outputs.event(scanned) if scanned is not None else _plain_event(item)
    made.distribution = DISTRIBUTIONS[options.distribution]
    for tag in options.tags:
        made.add_tag(tag)
    document = item.document(link)
    if document["url"] and link:
        made.add_attribute("link", document["url"], category="Internal reference", uuid=_mark(item, "link"),
                           disable_correlation=True, to_ids=False)  # fmt: skip
    return made


def _plain_event(item: Item) -> MISPEvent:
    made = MISPEvent()
    made.uuid = _mark(item, "event")
    made.info = plain(item.subject)
    made.analysis = 2
    made.threat_level_id = THREATS[item.severity]
    when = datetime.fromtimestamp(item.time / 1e6, UTC).replace(microsecond=0)
    made.date, made.timestamp = when.date(), when
    organisation = MISPOrganisation()
    organisation.from_dict(**outputs.ORGANISATION)
    made.Orgc = organisation
    made.add_tag(f'pumpkin:topic="{item.topic}"')
    made.add_tag(f'pumpkin:severity="{item.severity}"')
    seen = observable(item.target)
    if seen is not None:
        made.add_attribute(_ATTRIBUTES[seen.kind], seen.value, category="Network activity", to_ids=False,
                           uuid=_mark(item, "target"))  # fmt: skip
    text = json.dumps(item.document(), indent=1)[:TEXT_LIMIT]
    made.add_attribute("text", text, category="Other", uuid=_mark(item, "text"), disable_correlation=True, to_ids=False)
    proof = reports.token(item)
    if proof is not None:
        made.add_object(_stamp(item, proof, when))
    return made


def _stamp(item: Item, proof: dict[str, Any], when: datetime) -> MISPObject:
    made = MISPObject("trusted-timestamp", strict=True)
    made.uuid, made.timestamp = _mark(item, "stamp"), when
    values = {"format": "RFC3161", "hash-sha256": proof["sha256"], "timestamp": proof["gen_time"]}
    made.add_attribute("trusted-timestamp-response", value="token.tsr",
    data=io.BytesIO(base64.b64decode(proof["token"])), uuid=_mark(item, "stamp token"))  # fmt: skip
    for name, value in values.items():
        if value:
            made.add_attribute(name, value=value, uuid=_mark(item, f"stamp {name}"), disable_correlation=True)
    return made


def _mark(item: Item, part: str) -> str:
    return str(uuid5(item.id, part))


def _invalid(answer: Answer) -> str:
    """Why MISP's validation refused an event; "" when the answer is about access."""
    try:
        said = json_object(answer)
    except Failed:
        return ""
    if said.get("saved") is not False or not said.get("errors"):
        return ""
    return plain(f"{said.get('name') or said.get('message')}: {json.dumps(said['errors'])}")
