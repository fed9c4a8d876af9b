"""E-mail: one message an item, by SMTP with TLS."""

from __future__ import annotations

import asyncio
import json
import re
import smtplib
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from pumpkin.adapters.modules.base import Away, Module, Options, Outcome, Place, Refused, revealed
from pumpkin.errors import StartError
from pumpkin.model.deliveries import Item, plain

PORTS = {"smtp": 587, "smtps": 465}
REPLY_S = 20.0
BODY_LIMIT = 100_000
_ADDRESS = re.compile(r"[^\s@<>,;:\"'\x00-\x1f\x7f]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?\Z")


class MailOptions(Options):
    sender: str = Field(description="Address the messages come from.")
    to: list[str] = Field(min_length=1, max_length=50, description="Addresses they go to.")
    user: str = Field("", description="Name for SMTP AUTH.")
    password: SecretStr | None = Field(None, description="Its password.")
    tls: Literal["required", "none"] = Field(
        "required",
        description="smtp: STARTTLS with a verified certificate, or `none` (then no password is sent either).",
    )
    ca: Path | None = Field(None, description="PEM file of the authority to trust instead of the system's.")
    prefix: str = Field("[pumpkin]", description="What subjects begin with.", max_length=60)

    @field_validator("sender", "to")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        for one in [value] if isinstance(value, str) else value:
            if not _ADDRESS.match(one):
                raise ValueError(f"{plain(one, 80)!r} is no mail address")
        return value


class Mail(Module):
    """The target is `smtp://HOST[:587]` (STARTTLS) or `smtps://HOST[:465]`. The Message-ID is the delivery's id: mail
    programs fold what was sent twice. smtplib speaks, in a thread."""

    Options = MailOptions

    def __init__(self, place: Place, options: Any) -> None:
        super().__init__(place, options)
        parts = urlsplit(place.target)
        try:
            self._host, self._port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        except ValueError:
            self._host = ""
        if parts.scheme not in PORTS or not self._host or parts.username:
            raise StartError(f"The target of the module {place.name} is not smtp://HOST or smtps://HOST.")
        if options.tls == "none" and (options.user or options.password) and parts.scheme == "smtp":
            raise StartError(f"The module {place.name} would send its password in clear; let tls be required.")
        self._direct = parts.scheme == "smtps"
        try:
            self._tls = ssl.create_default_context(cafile=options.ca)
        except (OSError, ssl.SSLError):
            raise StartError(f"The option ca of the module {place.name} names no readable PEM file.") from None

    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        for item in items:
            try:
                text = compose(item, self.options, self.place)
            except (MessageError, ValueError, UnicodeError) as error:
                raise Refused(f"no message can be made of it ({type(error).__name__})") from None
            await asyncio.to_thread(self._send, text)
        return None

    def _send(self, text: EmailMessage) -> None:
        try:
            with self._connected() as server:
                refused = server.send_message(text, self.options.sender, self.options.to)
        except smtplib.SMTPRecipientsRefused as error:
            raise _judged(max((code for code, _ in error.recipients.values()), default=450), "no recipient") from None
        except smtplib.SMTPAuthenticationError as error:
            raise Away(f"it refuses name and password ({error.smtp_code})") from None
        except smtplib.SMTPNotSupportedError:
            raise Away("it does not offer what is needed (STARTTLS, AUTH or SMTPUTF8)") from None
        except smtplib.SMTPSenderRefused as error:
            raise Away(f"it refuses the sender ({error.smtp_code})") from None
        except smtplib.SMTPResponseException as error:
            raise _judged(error.smtp_code, _said(error.smtp_error)) from None
        except smtplib.SMTPServerDisconnected:
            raise Away("it ended the connection") from None
        except ssl.SSLCertVerificationError:
            raise Away("its certificate does not verify") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Away(f"it cannot be reached ({type(error).__name__})") from None
        if refused:
            raise Refused(f"it refused some of the recipients: {plain(', '.join(refused), 200)}")

    def _connected(self) -> smtplib.SMTP:
        server: smtplib.SMTP
        if self._direct:
            server = smtplib.SMTP_SSL(self._host, self._port, timeout=REPLY_S, context=self._tls)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=REPLY_S)
        try:
            if not self._direct and self.options.tls == "required":
                server.starttls(context=self._tls)
            if self.options.user:
                server.login(self.options.user, revealed(self.options.password))
        except BaseException:
            server.close()
            raise
        return server


def compose(item: Item, options: MailOptions, place: Place) -> EmailMessage:
    """The message: text for people, the item as JSON attached. Header fields are one line each, whatever stands in
    it."""
    made = EmailMessage(policy=SMTP)
    made["Subject"] = plain(f"{options.prefix} {item.subject}", 200)
    made["From"] = Address(addr_spec=options.sender, display_name="Pumpkin")
    made["To"] = [Address(addr_spec=one) for one in options.to]
    made["Date"] = format_datetime(datetime.fromtimestamp(item.time / 1e6, UTC))
    made["Message-ID"] = f"<{item.id}@{place.domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made["X-Pumpkin-Topic"] = item.topic
    made["X-Pumpkin-Delivery"] = str(item.id)
    document = item.document(place.link)
    lines = [plain(item.subject), ""]
    for name in ("severity", "topic", "time", "agent", "type", "target", "site", "url"):
        if document[name]:
            lines.append(f"{name + ':':<10}{plain(document[name], 1_000)}")
    made.set_content("\n".join(lines) + "\n", cte="quoted-printable")
    whole = json.dumps(document, indent=1).encode()
    if len(whole) <= BODY_LIMIT:
        made.add_attachment(whole, maintype="application", subtype="json", filename=f"{item.id}.json")
    return made


def _judged(code: int, words: str) -> Exception:
    text = f"it answered {code}: {words}"
    return Refused(text) if 500 <= code < 600 and code not in (521, 530, 534, 535, 538) else Away(text)


def _said(error: bytes | str) -> str:
    return plain(error.decode("utf-8", "replace") if isinstance(error, bytes) else error, 200)
