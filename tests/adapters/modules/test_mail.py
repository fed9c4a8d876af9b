"""E-mail against a real SMTP server: whole, once, with header fields that stay one line, over TLS that is verified."""

from __future__ import annotations

import email
import email.policy
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from pumpkin.adapters.modules import Away, Refused
from pumpkin.adapters.xmppd.certificates import Certificates
from tests.adapters.modules.conftest import EVIL, Make, item


class Postbox:
    """Keeps what it takes; `refuse` answers for senders, recipients or data instead."""

    def __init__(self) -> None:
        self.mails: list[tuple[Envelope, bytes]] = []
        self.refuse: dict[str, str] = {}
        self.logins: list[str] = []

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: Any) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if "data" in self.refuse:
            return self.refuse["data"]
        self.mails.append((envelope, bytes(envelope.content or b"")))
        return "250 taken"

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        self.logins.append(given.login.decode())
        return AuthResult(success=given.password == b"right", handled=False)


@pytest.fixture
def box(certificates: Certificates) -> Iterator[tuple[Postbox, int]]:
    """A server that offers STARTTLS and, then, AUTH."""
    postbox = Postbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        postbox, hostname="127.0.0.1", port=port, tls_context=certificates.context(), require_starttls=True,
        authenticator=postbox.login, auth_required=False, server_hostname="localhost",
    )  # fmt: skip
    controller.start()
    yield postbox, port
    controller.stop()


TO = {"sender": "pumpkin@example.org", "to": ["soc@example.org", "second@example.org"]}


async def test_a_message_is_whole_and_no_text_from_outside_becomes_a_header(
    box: tuple[Postbox, int], module: Make, certificates: Certificates
) -> None:
    postbox, port = box
    mail = await module(
        "email", f"smtp://localhost:{port}", ca=str(certificates.ca_path), user="me", password="right", **TO
    )
    one = item()
    await mail.deliver([one])
    ((envelope, content),) = postbox.mails
    assert envelope.rcpt_tos == ["soc@example.org", "second@example.org"]
    assert postbox.logins == ["me"]
    read = email.message_from_bytes(content, policy=email.policy.default)
    assert read["Message-ID"] == f"<{one.id}@pumpkin.example>"
    assert read["Bcc"] is None
    assert read.get_all("Subject") is not None
    assert len(read.get_all("Subject")) == 1
    assert "Bcc: evil@x.example" in read["Subject"], "as words of the subject, not as a field"
    assert read["Auto-Submitted"] == "auto-generated"
    text = read.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "https://pumpkin.example/checks/1" in text
    assert "198.51.100.7" in text
    (attached,) = read.iter_attachments()
    assert json.loads(attached.get_content())["data"]["payload"]["text"] == EVIL
    assert not read.defects


async def test_an_unverified_server_is_sent_neither_password_nor_message(
    box: tuple[Postbox, int], module: Make
) -> None:
    postbox, port = box
    mail = await module("email", f"smtp://localhost:{port}", user="me", password="right", **TO)
    with pytest.raises(Away, match="certificate"):
        await mail.deliver([item()])
    assert postbox.logins == []
    assert postbox.mails == []


async def test_what_the_server_answers_decides_whether_it_is_tried_again(
    box: tuple[Postbox, int], module: Make, certificates: Certificates
) -> None:
    postbox, port = box
    more: dict[str, Any] = {"ca": str(certificates.ca_path), **TO}
    mail = await module("email", f"smtp://localhost:{port}", **more)
    for refuse, kind in (
        ({"data": "451 later"}, Away),
        ({"data": "554 spam\x1b[31m"}, Refused),
        (dict.fromkeys(TO["to"], "550 no such user"), Refused),
        (dict.fromkeys(TO["to"], "450 greylisted"), Away),
        ({"second@example.org": "550 no such user"}, Refused),
    ):
        postbox.refuse = refuse
        with pytest.raises(kind):
            await mail.deliver([item()])
    wrong = await module("email", f"smtp://localhost:{port}", user="me", password="wrong", **more)
    with pytest.raises(Away, match="name and password"):
        await wrong.deliver([item()])
    with pytest.raises(Away, match="cannot be reached"):
        await (await module("email", "smtp://localhost:1", **more)).deliver([item()])
