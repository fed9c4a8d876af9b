"""Which PEP nodes a session wants to hear of, learnt from its entity capabilities (XEP-0115)."""

from __future__ import annotations

import re
import secrets

from pumpkin.adapters.xmppd import disco
from pumpkin.adapters.xmppd.pep import Pep
from pumpkin.adapters.xmppd.session import Session
from pumpkin.adapters.xmppd.stanza import CLIENT, Stanza

_CAPS = re.compile(rb"<c\b[^>]*\bver=[\"']([^\"'<>]{1,200})[\"']")
_NOTIFY = "+notify"
_NODES = 50


class Capabilities:
    """Asks each session that shows new capabilities what they are, and remembers its `+notify` nodes.

    Asked of each session by itself: a shared memory by hash would need the hash checked, or one peer could speak for
    another.
    """

    def __init__(self, domain: str, pep: Pep) -> None:
        self._domain, self._pep = domain, pep

    def appeared(self, session: Session) -> None:
        """A session sent presence."""
        found = _CAPS.search(session.presence.inner) if session.presence is not None else None
        version = found[1].decode() if found else ""
        if version == session.caps:
            return
        session.caps = version
        if not version:
            session.notify = frozenset()
            return
        name = f"caps{secrets.token_hex(6)}"

        async def answered(stanza: Stanza) -> None:
            if stanza.type == "result":
                session.notify = frozenset(_wanted(stanza))
                if session.notify:
                    await self._pep.welcome(session)

        session.answers[name] = answered
        head = {"type": "get", "id": name, "from": self._domain, "to": session.jid}
        session.deliver(Stanza("iq", CLIENT, head, f'<query xmlns="{disco.INFO}"/>'.encode()))


def _wanted(stanza: Stanza) -> list[str]:
    names = [f.get("var", "") for f in stanza.element().iter(f"{{{disco.INFO}}}feature")]
    return [name.removesuffix(_NOTIFY) for name in names if name.endswith(_NOTIFY) and len(name) < 1024][:_NODES]
