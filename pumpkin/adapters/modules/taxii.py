"""STIX 2.1 by TAXII 2.1: items as STIX objects, added to a collection of a TAXII server."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import stix2
from pydantic import Field, SecretStr

from pumpkin.adapters.modules import reports
from pumpkin.adapters.modules.base import Away, Failed, Module, Outcome, Place, Refused, revealed
from pumpkin.adapters.modules.http import Endpoint, HttpOptions, json_object, judge
from pumpkin.adapters.modules.targets import observable
from pumpkin.analysis.outputs import stix as outputs
from pumpkin.errors import StartError
from pumpkin.model.deliveries import Item, plain

MEDIA = "application/taxii+json;version=2.1"
TEXT_LIMIT = 60_000
LOOKS, LOOK_S = 5, 1.0
AT_ONCE = 20
_SPACE = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")  # STIX 2.1 section 2.9, for ids that follow from content
_STATUS = re.compile(r"[A-Za-z0-9-]{1,100}\Z")


class TaxiiOptions(HttpOptions):
    collection: str = Field(description="The collection's id.", pattern=r"^[A-Za-z0-9._~-]{1,200}$")
    user: str = Field("", description="Name for HTTP Basic.")
    password: SecretStr | None = Field(None, description="Its password.")
    token: SecretStr | None = Field(None, description="Bearer token instead of name and password.")


class Taxii(Module):
    """The target is the address of an API root. Ids follow from the delivery's: objects brought again are the same
    version of the same objects. The status resource is asked until the server has taken them (TAXII 2.1 sections 4.3,
    5.5)."""

    Options = TaxiiOptions
    batch = 20
    wants = frozenset({"report", "proof"})

    def __init__(self, place: Place, options: Any) -> None:
        super().__init__(place, options)
        headers = {**options.headers, "Accept": MEDIA}
        if options.token is not None:
            headers["Authorization"] = f"Bearer {revealed(options.token)}"
        elif options.user:
            pair = f"{options.user}:{revealed(options.password)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        if any(set("\r\n") & set(value) for value in headers.values()):
            raise StartError(f"The password or token of the module {place.name} has a line end in it.")
        self._endpoint = Endpoint(place.target, name=place.name, ca=options.ca, headers=headers)

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        told = [objects(item, self.place.link) for item in items]
        every = {one["id"]: one for several in told for one in several}
        body = json.dumps({"objects": list(every.values())}).encode()
        path = f"collections/{self.options.collection}/objects/"
        answer = await self._endpoint.ask("POST", self._endpoint.url(path), body=body, headers={"Content-Type": MEDIA})
        status = await self._settled(json_object(judge(answer)))
        refused = {
            str(one.get("id")): plain(one.get("message") or "no reason given")
            for one in status.get("failures") or ()
            if isinstance(one, dict)
        }
        if not refused and status.get("failure_count"):
            raise Failed("it says that objects failed, but not which")
        if refused:
            for there in await self._there(sorted(refused.keys() & every.keys())):
                refused.pop(there, None)
        return [
            next((Refused(f"refused: {refused[one['id']]}") for one in several if one["id"] in refused), None)
            for several in told
        ]

    async def _settled(self, status: dict[str, Any]) -> dict[str, Any]:
        for _ in range(LOOKS):
            if status.get("status") == "complete":
                return status
            number = str(status.get("id", ""))
            if status.get("status") != "pending" or not _STATUS.match(number):
                raise Failed("its answer is no status resource")
            await asyncio.sleep(LOOK_S)
            status = json_object(judge(await self._endpoint.ask("GET", self._endpoint.url(f"status/{number}/"))))
        raise Away("it has taken the objects, but is not done with them")

    async def _there(self, ids: Sequence[str]) -> set[str]:
        """Those of the objects that the collection holds: what is brought again, some servers call a failure."""
        found: set[str] = set()
        for start in range(0, len(ids), AT_ONCE):
            wanted = ",".join(ids[start : start + AT_ONCE])
            path = f"collections/{self.options.collection}/manifest/?match[id]={wanted}"
            answer = await self._endpoint.ask("GET", self._endpoint.url(path))
            if answer.status != 200:
                break  # a collection that may only be written to
            rows = json_object(answer).get("objects")
            found |= {str(one.get("id")) for one in rows if isinstance(one, dict)} if isinstance(rows, list) else set()
        return found

    async def close(self) -> None:
        await self._endpoint.close()


def objects(item: Item, link: str = "") -> list[dict[str, Any]]:
    """The item as STIX 2.1 objects: a report's bundle, else who saw it, a note of what, and what was looked at."""
    scanned = reports.scanned(item)
    if scanned is not None:
        return [json.loads(one.serialize()) for one in outputs.bundle(scanned).objects]
    when = datetime.fromtimestamp(item.time / 1e6, UTC)
    source = item.agent or "Pumpkin"
    maker = stix2.Identity(
        id=f"identity--{uuid5(_SPACE, f'pumpkin {source}')}", name=plain(source), identity_class="system",
        created=datetime(2026, 1, 1, tzinfo=UTC), modified=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    made: list[Any] = [maker]
    about = maker.id
    seen = observable(item.target)
    if seen is not None:
        what = {"ipv4": stix2.IPv4Address, "ipv6": stix2.IPv6Address, "domain": stix2.DomainName, "url": stix2.URL}
        one = what[seen.kind](value=seen.value)
        data = stix2.ObservedData(
            id=f"observed-data--{uuid5(item.id, 'observed')}", created=when, modified=when, first_observed=when,
            last_observed=when, number_observed=1, object_refs=[one.id], created_by_ref=maker.id,
        )  # fmt: skip
        made += [one, data]
        about = data.id
    more: dict[str, Any] = {}
    document = item.document(link)
    if link and document["url"]:
        more["external_references"] = [stix2.ExternalReference(source_name="pumpkin", url=document["url"])]
    note = stix2.Note(
        id=f"note--{uuid5(item.id, 'note')}", created=when, modified=when, abstract=plain(item.subject),
        content=json.dumps(document, indent=1)[:TEXT_LIMIT], object_refs=[about], created_by_ref=maker.id,
        labels=[f"pumpkin-{item.topic}", f"pumpkin-{item.severity}"], **more,
    )  # fmt: skip
    return [json.loads(one.serialize()) for one in (*made, note)]
