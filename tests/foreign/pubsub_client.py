"""SCANDALE's documented PubSub client. argv: ws://... ; prints each event as one line."""

import asyncio
import json
import sys

from fastapi_websocket_pubsub import PubSubClient


async def on_events(data, topic):
    print(json.dumps({"topic": topic, "data": data}), flush=True)


async def main():
    client = PubSubClient(["scan", "tst"], callback=on_events)
    client.start_client(sys.argv[1])
    await client.wait_until_ready()
    print("subscribed", flush=True)
    await client.wait_until_done()


asyncio.run(main())
