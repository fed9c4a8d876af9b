"""A SPADE 4 agent, nothing of ours, that goes through its whole life. argv: JID PASSWORD PORT. Prints what it sees."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import spade
from spade.agent import Agent
from spade.behaviour import OneShotBehaviour
from spade.message import Message
from spade.presence import PresenceShow

AGGREGATOR = "correlation-engine@localhost"


class Life(OneShotBehaviour):
    """Subscribe, be seen, send small and large, unsubscribe, send again."""

    async def run(self) -> None:
        subscribed, seen = asyncio.Event(), asyncio.Event()

        def on_subscribed(jid: str) -> None:
            print("subscribed", jid, flush=True)
            subscribed.set()

        def on_available(jid: str, *_: Any) -> None:
            print("available", jid.partition("/")[0], flush=True)
            seen.set()

        presence = self.agent.presence
        presence.on_subscribed, presence.on_available = on_subscribed, on_available
        presence.subscribe(AGGREGATOR)
        await asyncio.wait_for(subscribed.wait(), 10)
        await asyncio.wait_for(seen.wait(), 10)
        print("contact online", presence.get_contact(spade.agent.JID(AGGREGATOR)).is_available(), flush=True)
        presence.set_presence(show=PresenceShow.DND, status="scanning")
        await self.say("small")
        await self.say("x" * 800_000)
        presence.unsubscribe(AGGREGATOR)
        await self.say("after")

    async def say(self, body: str) -> None:
        message = Message(to=AGGREGATOR)
        message.body = body
        message.set_metadata("performative", "inform")
        await self.send(message)
        reply = await self.receive(timeout=10)
        print("reply", reply and reply.body, flush=True)


async def main() -> None:
    agent = Agent(sys.argv[1], sys.argv[2], port=int(sys.argv[3]))
    await agent.start(auto_register=True)
    life = Life()
    agent.add_behaviour(life)
    await life.join()
    await agent.stop()


spade.run(main())
