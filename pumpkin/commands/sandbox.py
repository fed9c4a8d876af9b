"""`pumpkin sandbox`: where packages are run, without a server."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from pumpkin.commands.place import answer, config_option, data_option, json_option, load, work


@click.group()
def sandbox() -> None:
    """Look after the sandboxes in which packages are run."""


@sandbox.command()
@data_option
@config_option
@json_option
def status(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Say which engines there are and how they are; ends 1 when no package could be run."""

    async def job() -> dict[str, Any]:
        found = []
        async with _engines(data, config) as engines:
            for engine in engines:
                health = await engine.check()
                found.append({
                    "address": health.address, "engine": f"{health.name} {health.version}".strip(),
                    "slots": engine.slots, "runtimes": list(health.runtimes), "image": engine.tag,
                    "image_there": bool(health.image), "problem": health.problem, "network": engine.settings.mode,
                })  # fmt: skip
        return {"ready": any(not one["problem"] for one in found), "engines": found}

    said = work(job)
    lines = [
        f"{one['address']}: {one['engine'] or 'no answer'}, {one['slots']} at once, {one['problem'] or 'ready'}"
        for one in said["engines"]
    ]
    if any(one["network"] == "open" for one in said["engines"]):
        lines.append("Open: what runs here can reach the world and this host (sandbox.network).")
    answer(said, as_json, "\n".join(lines))
    raise SystemExit(0 if said["ready"] else 1)


@sandbox.command()
@data_option
@config_option
@json_option
def build(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Make the image sandboxes are started from, on each engine that lacks it."""
    _on_each(data, config, as_json, lambda engine, say: engine.build(say))


@sandbox.command()
@data_option
@config_option
@json_option
def base(data: Path | None, config: Path | None, as_json: bool) -> None:
    """Get the Debian that the image stands on, where no container registry can be reached from packages (as root)."""
    _on_each(data, config, as_json, lambda engine, say: engine.base(say))


@sandbox.command()
@data_option
@config_option
def shell(data: Path | None, config: Path | None) -> None:
    """Open a shell in an empty sandbox, as the package's user would see it; it goes when the shell ends."""

    async def job() -> int:
        client = next(filter(None, map(shutil.which, ("docker", "podman"))), None)
        if client is None:
            raise click.ClickException("A shell needs the client program docker or podman.")
        async with _engines(data, config) as engines:
            engine = engines[0]
            await engine.build(click.echo)
            async with await engine.sandbox() as one:
                address = {"DOCKER_HOST": engine.settings.address, "CONTAINER_HOST": engine.settings.address}
                argv = [client, "exec", "-it", "-u", "10001", "-w", "/work", one.id, "/bin/bash"]
                process = await asyncio.create_subprocess_exec(*argv, env={**os.environ, **address})
                return await process.wait()

    raise SystemExit(work(job))


def _on_each(data: Path | None, config: Path | None, as_json: bool, act: Callable[..., Any]) -> None:
    """Let each engine act, its progress told as it comes: with `as_json` on standard error."""

    def say(line: str) -> None:
        click.echo(line, err=as_json)

    async def job() -> list[dict[str, str]]:
        done = []
        async with _engines(data, config) as engines:
            for engine in engines:
                say(f"{engine.settings.address}:")
                image = await act(engine, lambda line: say(f"  {line}"))
                done.append({"address": engine.settings.address, "image": image})
                if not as_json:
                    say(f"  {image}")
        return done

    done = work(job)
    if as_json:
        answer(done, as_json, "")


@asynccontextmanager
async def _engines(data: Path | None, config: Path | None) -> AsyncIterator[list[Any]]:
    from pumpkin.adapters.engine import Engine, find
    from pumpkin.building.sandbox import engine_settings
    from pumpkin.sections import EngineAddress

    wanted = load(data, config).sandbox
    given = [Engine(engine_settings(wanted, one), "command") for one in wanted.engines]
    engines = given or [await find("command", engine_settings(wanted, EngineAddress.model_construct(address="unix:")))]
    try:
        yield engines
    finally:
        for engine in engines:
            await engine.close()
