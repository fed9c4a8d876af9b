"""A probe as SCANDALE's users write them: SPADE and nothing of ours. argv: JID PASSWORD AGGREGATOR UUID PORT RAW."""

import base64
import json
import sys
import time

import spade
from spade.agent import Agent
from spade.behaviour import OneShotBehaviour
from spade.message import Message

JID, PASSWORD, AGGREGATOR, UUID, PORT, RAW = sys.argv[1:7]


class Probe(Agent):
    class Report(OneShotBehaviour):
        async def run(self):
            self.presence.subscribe(AGGREGATOR)
            message = Message(to=AGGREGATOR)
            message.set_metadata("performative", "inform")
            message.set_metadata("ontology", "probeAgentOntology")
            message.set_metadata("language", "OWL-S")
            message.body = json.dumps(
                {
                    "version": "1",
                    "format": "scandale",
                    "meta": {"uuid": UUID, "ts": int(time.time()), "type": "ping"},
                    "payload": {"raw": base64.b64encode(RAW.encode()).decode()},
                }
            )
            await self.send(message)
            answer = await self.receive(timeout=10)
            print("answer", answer.get_metadata("performative") if answer else None, flush=True)

    async def setup(self):
        self.report = self.Report()
        self.add_behaviour(self.report)


async def main():
    probe = Probe(JID, PASSWORD, port=int(PORT))
    await probe.start(auto_register=True)
    await probe.report.join(timeout=20)
    await probe.stop()


spade.run(main())
