"""The Debian a sandbox image stands on: one the engine has, else the public one, else one made here from packages.

Where no container registry can be reached, root bootstraps a base from the distribution's packages (about a minute,
once) and imports it into the engine; whoever is not root is told what to run.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiodocker import Docker

from pumpkin.adapters.engines.faults import BuildFailed, EngineError, NoImage, translated

LOCAL, SUITE = "pumpkin-base:bookworm", "bookworm"
PUBLIC = "docker.io/library/debian:bookworm-slim"
PULL_S, BOOTSTRAP_S = 300.0, 900.0
CHUNK = 1 << 20
_MIRROR = re.compile(r"^(?:URIs:|deb(?: +\[[^]]*\])?) +(\S+/debian)/?(?: |$)", re.M)

Progress = Callable[[str], None]


async def ensure(docker: Docker, has: Callable[[str], object], progress: Progress) -> str:
    """The name of a base the engine has now. `has(name)` is awaited for an image's id, None where it is missing."""
    for name in (LOCAL, PUBLIC):
        if await has(name):  # type: ignore[misc]
            return name
    progress(f"fetching {PUBLIC}")
    try:
        async with asyncio.timeout(PULL_S), translated("fetching the base image", missing=NoImage):
            await docker.images.pull(PUBLIC)
    except (EngineError, TimeoutError) as error:
        progress("no container registry answers; making a base from the distribution's packages (about a minute, once)")
        await bootstrap(docker, progress, str(error))
        return LOCAL
    return PUBLIC


async def bootstrap(docker: Docker, progress: Progress, why: str = "") -> None:
    """Make the base here and import it. Raises BuildFailed, saying what is missing for it."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise BuildFailed(
            "The base image could not be fetched, and only root with debootstrap can make one: "
            f"run `apt-get install debootstrap` and `pumpkin sandbox build` as root ({why[:200]})"
        )
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="pumpkin-base-"))
    try:
        argv = [
            "debootstrap",
            "--variant=minbase",
            "--include=ca-certificates",
            SUITE,
            str(folder / "root"),
            *_mirror(),
        ]
        await _run(argv, progress)
        for package in (folder / "root/var/cache/apt/archives").glob("*.deb"):
            package.unlink()
        progress("importing the base")
        repository, _, tag = LOCAL.partition(":")
        params = {"fromSrc": "-", "repo": repository, "tag": tag}
        async with (
            translated("importing the base image"),
            docker._query("images/create", "POST", params=params, data=_tar(folder / "root"), timeout=None) as answer,
        ):
            await answer.read()
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)


def _mirror() -> list[str]:
    """The package mirror this machine uses itself, so that no address stands here; empty for debootstrap's own."""
    files = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    text = "\n".join(file.read_text("utf-8", "replace") for file in files if file.is_file())
    found = _MIRROR.search(text)
    return [found[1]] if found else []


async def _run(argv: list[str], progress: Progress) -> None:
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    last = ""
    try:
        async with asyncio.timeout(BOOTSTRAP_S):
            async for line in process.stdout:
                last = line.decode("utf-8", "replace").strip()[:300]
                progress(last)
            status = await process.wait()
    except TimeoutError:
        raise BuildFailed(f"{argv[0]} took more than {BOOTSTRAP_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status != 0:
        raise BuildFailed(f"{argv[0]} ended with {status}: {last}")


async def _tar(folder: Path) -> AsyncIterator[bytes]:
    process = await asyncio.create_subprocess_exec("tar", "-C", str(folder), "-c", ".", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        while chunk := await process.stdout.read(CHUNK):
            yield chunk
    finally:
        if process.returncode is None and not process.stdout.at_eof():
            process.kill()
        await process.wait()
