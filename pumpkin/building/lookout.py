"""The lookout over the log, and how probes reach it through the aggregator's session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from xml.etree.ElementTree import Element

from actors.lookout import Lookout
from actors.supervision import Child, System
from pumpkin.adapters.session import Session
from pumpkin.adapters.stanzas import name
from pumpkin.adapters.watching import LOG
from pumpkin.adapters.witness import WitnessClient
from pumpkin.building.disclosed import without_secrets
from pumpkin.bus import Bus
from pumpkin.errors import StartRefused, UnknownAgent
from pumpkin.evidence.checkpoint import BadNote, LogKey, VerifierKey
from pumpkin.model.agents import bare
from pumpkin.sections import WitnessSettings
from pumpkin.settings import Settings
from pumpkin.store.database import Database

Answer = Callable[[str, Element], Awaitable[Element]]


async def build_lookout(
    settings: Settings, system: System, db: Database, bus: Bus, key: LogKey, stack: AsyncExitStack
) -> Child[Lookout]:
    """The actor, with a connection to each witness the settings name."""
    witnesses = [
        await stack.enter_async_context(WitnessClient(one.url, witness_key(one))) for one in settings.log.witnesses
    ]
    return await system.start(
        "lookout",
        lambda: Lookout.start(db, bus, key.verifier, witnesses=witnesses, audit_every_s=settings.log.audit_every),
    )


def watched(
    open_session: Callable[[], Session], lookout: Child[Lookout], approved: Collection[str]
) -> Callable[[], Session]:
    """Sessions on which approved agents may ask for the log, cosign it, and say that it contradicts itself."""

    def opened() -> Session:
        session = open_session()
        session.serve("get", name("log", LOG), _admitted(approved, lambda jid, iq: lookout.actor.show_log(jid, iq)))
        for tag, answer in (
            ("cosignature", lambda jid, iq: lookout.actor.take_cosignature(jid, iq)),
            ("fault", lambda jid, iq: lookout.actor.take_fault(jid, iq)),
        ):
            session.serve("set", name(tag, LOG), _admitted(approved, answer))
        return session

    return opened


def _admitted(approved: Collection[str], answer: Answer) -> Callable[[Element], Awaitable[Element]]:
    async def admitted(iq: Element) -> Element:
        try:
            jid = bare(iq.get("from", ""))
        except ValueError:
            raise UnknownAgent from None
        if jid not in approved:
            raise UnknownAgent
        return await answer(jid, iq)

    return admitted


def witness_key(one: WitnessSettings) -> VerifierKey:
    """The key a witness signs with. StartError where it is none."""
    try:
        return VerifierKey.parse(one.key)
    except BadNote as error:
        raise StartRefused(f"The key of the witness {without_secrets(one.url)} is none: {error}.") from None
