"""Webhook: each item as JSON by POST, signed as the Standard Webhooks specification has it (standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from typing import Any

from pydantic import Field, SecretStr

from pumpkin.adapters.modules.base import Module, Outcome, Place, revealed
from pumpkin.adapters.modules.http import Endpoint, HttpOptions, judge
from pumpkin.errors import StartError
from pumpkin.model.deliveries import Item


class WebhookOptions(HttpOptions):
    secret: SecretStr = Field(description="What deliveries are signed with: `whsec_` and base64 of 24 to 64 bytes.")


class Webhook(Module):
    """`webhook-id` is the delivery's id, the same at every try; `webhook-signature` is `v1,` and base64 of HMAC-SHA-256
    over `id.timestamp.body`."""

    Options = WebhookOptions
    secret_target = True

    def __init__(self, place: Place, options: Any) -> None:
        super().__init__(place, options)
        try:
            self._key = base64.b64decode(revealed(options.secret).removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            self._key = b""
        if not 24 <= len(self._key) <= 64:
            raise StartError(
                f"The option secret of the module {place.name} is not `whsec_` and base64 of 24 to 64 bytes; "
                "make one by: echo whsec_$(openssl rand -base64 32)"
            )
        self._endpoint = Endpoint(place.target, name=place.name, ca=options.ca, headers=options.headers)

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        for item in items:
            body = json.dumps(item.document(self.place.link), separators=(",", ":")).encode()
            moment = str(int(time.time()))
            headers = {
                "Content-Type": "application/json",
                "webhook-id": str(item.id),
                "webhook-timestamp": moment,
                "webhook-signature": sign(self._key, str(item.id), moment, body),
                "Pumpkin-Topic": item.topic,
            }
            judge(await self._endpoint.ask("POST", self._endpoint.url(), body=body, headers=headers))
        return None

    async def close(self) -> None:
        await self._endpoint.close()


def sign(key: bytes, delivery: str, moment: str, body: bytes) -> str:
    """`v1,` and base64 of HMAC-SHA-256 over id, time and body (Standard Webhooks, "Signature scheme")."""
    mac = hmac.new(key, b".".join((delivery.encode(), moment.encode(), body)), hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"
