"""What can go wrong with an engine, in words for the page that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiodocker.exceptions import DockerError

from pumpkin.errors import Unavailable


class EngineError(Unavailable):
    """The container engine did not do what it was asked; dynamic analysis waits until it does."""

    code = "engine"


class NoEngine(EngineError):
    """No container engine answers; install Docker or podman, or set its address. Static analysis still runs."""

    code = "no_engine"


class NoImage(EngineError):
    """The sandbox image is not there; build it with `pumpkin sandbox build`."""

    code = "no_image"


class BuildFailed(EngineError):
    """The sandbox image could not be built; the last lines say why."""

    code = "build_failed"


class SandboxLost(EngineError):
    """The sandbox ended before its report did."""

    code = "sandbox_lost"


@asynccontextmanager
async def translated(doing: str, *, missing: type[EngineError] = EngineError) -> AsyncIterator[None]:
    """Turn what aiodocker and its transport raise into ours: typed errors, but also bare AssertionErrors where a peer
    vanished, and connection errors that were not wrapped. A 404 becomes `missing`."""
    try:
        yield
    except DockerError as error:
        text = f"{doing}: {error.message!s:.300}"
        if error.status == 900:
            raise NoEngine(text) from error
        raise (missing if error.status == 404 else EngineError)(text) from error
    except (AssertionError, aiohttp.ClientError, OSError, asyncio.IncompleteReadError, ValueError) as error:
        raise NoEngine(f"{doing}: {type(error).__name__} {error!s:.300}") from error
