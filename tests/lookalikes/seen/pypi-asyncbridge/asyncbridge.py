import asyncio


def run(coro):
    return asyncio.new_event_loop().run_until_complete(coro)
