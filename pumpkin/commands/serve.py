"""`pumpkin run`: the server, from the first sentence it says to the last."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import click

from pumpkin import app
from pumpkin.adapters.resting import rest
from pumpkin.commands.journal import log_to_stderr as log_to_stderr
from pumpkin.commands.place import REFUSED, config_option, data_option, load_to_serve
from pumpkin.commands.signals import heed
from pumpkin.errors import PumpkinError, StartError, StartRefused
from pumpkin.settings import Settings


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where the web server listens.  [default: 127.0.0.1:8000]")
@click.option("--xmpp", type=click.Choice(["embedded", "prosody", "external"]), help="Which XMPP server.")
@click.option("--xmpp-listen", metavar="HOST", help="Where the embedded XMPP server listens.  [default: 127.0.0.1]")
@click.option("--xmpp-port", type=click.IntRange(0, 65534), help="Its STARTTLS port; direct TLS is the next.")
@click.option("--domain", help="The domain of all JIDs.  [default: localhost]")
@click.option("--database", metavar="DSN", help="A PostgreSQL to use instead of the embedded one.")
@click.option("--no-demo", is_flag=True, help="Without the demonstration probe.")
@click.option("--new-log", is_flag=True, help="Put the folder's log key aside; begin another log, once.")
@data_option
@config_option
def run(
    listen: str | None,
    xmpp: str | None,
    xmpp_listen: str | None,
    xmpp_port: int | None,
    domain: str | None,
    database: str | None,
    no_demo: bool,
    new_log: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Start everything: database, XMPP server, log, time-stamp authority, web server.

    Prints `ready http://...` when it serves, and writes ready.json into the data folder. Ctrl-C or SIGTERM stops it
    in order; nothing acknowledged is lost either way. Ends with 78 where settings, keys or data have to be changed.
    """
    settings = load_to_serve(
        data,
        config,
        listen=listen,
        database=database,
        demo=False if no_demo else None,
        xmpp={"server": xmpp, "listen": xmpp_listen, "port": xmpp_port, "domain": domain},
    )
    log_to_stderr(as_json=settings.journal == "json")
    gc.disable()  # until everything stands: what is made meanwhile stays, and looking through it costs time
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(settings, new_log=new_log))
    except StartError as error:
        click.echo(f"pumpkin: {error.message}", err=True)
        sys.exit(REFUSED if isinstance(error, StartRefused) else 1)
    except PumpkinError as error:
        click.echo(f"pumpkin: {error.message} [{error.code}]", err=True)
        sys.exit(1)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed (extra `speed`), a sixth less CPU a request; else asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _rest_the_collector() -> None:
    """What stands now stays: cyclic collection is spared going through it, and comes seldomer.

    With Python's own thresholds whole collections took a tenth of the CPU of a POST and held up one in ten by 100 ms.
    """
    gc.freeze()
    rest()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()


async def _serve(settings: Settings, *, new_log: bool) -> None:
    asked_to_stop = asyncio.Event()
    heed(asked_to_stop)
    async with app.running(settings, new_log=new_log) as house:
        _rest_the_collector()
        for line in house.welcome:
            click.echo(line)
        click.echo(f"ready {house.url}")
        sys.stdout.flush()
        stop = asyncio.ensure_future(asked_to_stop.wait())
        await asyncio.wait({stop, house.failed}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if house.failed.done():
            part = house.failed.result()
            raise PumpkinError(
                f"The part {part.name} failed for good: {part.last_error}. Start again; nothing is lost."
            )
