"""What a peer did wrong, as the error XMPP has for it.

PumpkinError
├── StreamFault: ends the stream (RFC 6120 section 4.9)
└── StanzaFault: answered in the stanza's stead (RFC 6120 section 8.3)
"""

from __future__ import annotations

from pumpkin.errors import PumpkinError

_TYPES = {
    "bad-request": "modify",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "policy-violation": "modify",
    "forbidden": "auth",
    "not-authorized": "auth",
    "resource-constraint": "wait",
}


class StreamFault(PumpkinError):
    """The peer broke the stream's rules; the stream ends with a condition it can read."""

    code = "xmpp_stream"

    def __init__(self, condition: str, text: str = "") -> None:
        super().__init__(text or condition)
        self.condition = condition
        self.text = text


class StanzaFault(PumpkinError):
    """This stanza cannot be served; the sender is told the condition."""

    code = "xmpp_stanza"

    def __init__(self, condition: str, text: str = "", *, detail: str = "") -> None:
        super().__init__(text or condition)
        self.condition = condition
        self.text = text
        self.detail = detail
        """XML of the application's own condition, if it has one."""

    @property
    def kind(self) -> str:
        """RFC 6120's error type: what the sender can do about it (`cancel`, `modify`, `auth`, `wait`)."""
        return _TYPES.get(self.condition, "cancel")
