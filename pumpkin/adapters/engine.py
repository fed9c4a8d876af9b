"""A container engine: Docker or podman, local or remote, with its slots and its health."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from aiodocker import Docker

from pumpkin.adapters.engines import base, discovery
from pumpkin.adapters.engines.faults import EngineError, NoEngine, NoImage, translated
from pumpkin.adapters.engines.guarding import Guard
from pumpkin.adapters.engines.image import Progress, Recipe, build, present
from pumpkin.adapters.engines.image import sweep as images_swept
from pumpkin.adapters.engines.relay import Registries
from pumpkin.adapters.engines.sandbox import LABEL, Bounds, Confinement, Job, Owner, Sandbox, sweep
from pumpkin.adapters.engines.ways import CONTACT_S, Certificates, Ssh, client, plainly

__all__ = [
    "Bounds",
    "Certificates",
    "Engine",
    "EngineError",
    "EngineSettings",
    "Health",
    "Job",
    "NoEngine",
    "NoImage",
    "Recipe",
    "Registries",
    "Sandbox",
    "find",
]


@dataclass(frozen=True)
class EngineSettings:
    """How to reach one engine. `address` is `unix://...`, `tcp://...` (with `certificates`) or `ssh://...`; `slots` how
    many sandboxes at once (0: as many as it has CPUs); `runtime` another than the engine's default (`runsc`); `image`
    one that speaks our runner's protocol instead of our own."""

    address: str
    slots: int = 0
    runtime: str = ""
    image: str = ""
    recipe: Recipe = field(default_factory=Recipe)
    bounds: Bounds = field(default_factory=Bounds)
    mode: str = "sinkhole"
    certificates: Certificates | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What an engine said of itself when last asked; `problem` empty when it is well."""

    address: str
    name: str = ""
    version: str = ""
    cpus: int = 0
    runtimes: tuple[str, ...] = ()
    image: str = ""
    problem: str = ""


class Engine:
    """One engine, opened by `async with`. `instance` marks its sandboxes, so that a sweep takes only our own; `tag` is
    the image they are made from."""

    def __init__(self, settings: EngineSettings, instance: str = "pumpkin") -> None:
        self.settings, self.owner = settings, Owner(instance)
        self.health = Health(settings.address, problem="not asked yet")
        self.tag = settings.image or settings.recipe.tag()
        self._docker: Docker | None = None
        self._guard: Guard | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        docker, self._docker, self._closed = self._docker, None, True
        if docker is not None:
            await docker.close()
            await docker.connector.close()
            if isinstance(docker.connector, Ssh):
                await docker.connector.ended()
        if self._guard is not None:
            await self._guard.dismiss()

    @property
    def docker(self) -> Docker:
        """The client, made when first used. Raises NoEngine for an address that is none, and once closed."""
        if self._closed:
            raise NoEngine("the engine is no longer used")
        if self._docker is None:
            try:
                self._docker = client(self.settings.address, self.settings.certificates)
            except (ValueError, AssertionError, OSError, ImportError) as error:
                raise NoEngine(f"{self.settings.address} is no engine's address: {error}") from error
        return self._docker

    @property
    def slots(self) -> int:
        """How many sandboxes at once."""
        return self.settings.slots or max(1, self.health.cpus)

    async def check(self) -> Health:
        """Ask how it is; never raises for an engine that does not answer, `problem` says why."""
        try:
            async with asyncio.timeout(CONTACT_S), translated("asking the engine"):
                version, info = await self.docker.version(), await self.docker.system.info()
                found = await present(self.docker, self.tag)
        except TimeoutError:
            self.health = Health(self.settings.address, problem=f"no answer within {CONTACT_S:g} s")
        except EngineError as error:
            way = self._docker.connector if self._docker is not None else None
            said = way.said if isinstance(way, Ssh) else ""
            self.health = Health(self.settings.address, problem=f"{error.message} {said}".strip())
        else:
            self.health = _health(self.settings, version, info, found)
        return self.health

    async def build(self, progress: Progress = lambda _: None) -> str:
        """Make the sandbox image where it is missing; its tag. Raises BuildFailed, NoImage for one set by name."""
        if await present(self.docker, self.tag):
            return self.tag
        if self.settings.image:
            raise NoImage(f"the engine has no image {self.settings.image}")
        recipe = self.settings.recipe
        await build(self.docker, replace(recipe, base=await self.base(progress)), self.tag, recipe.kind, progress)
        for tag in await images_swept(self.docker, self.tag, recipe.kind):
            progress(f"removed {tag}, which this one has taken the place of")
        return self.tag

    async def base(self, progress: Progress = lambda _: None) -> str:
        """The Debian its image stands on, fetched or made where it is missing; its name. Raises BuildFailed."""
        if self.settings.recipe.base:
            return self.settings.recipe.base
        return await base.ensure(self.docker, lambda name: present(self.docker, name), progress)

    async def sandbox(self) -> Sandbox:
        """A fresh sandbox, ready for one job. Raises EngineError."""
        wanted, docker = self.settings, self.docker
        if self._guard is None:
            way = plainly(wanted.address, wanted.certificates)
            self._guard = Guard(f"{LABEL}.life={self.owner.life}", way)
        self._guard.watch()
        confinement = Confinement(self.tag, wanted.bounds, wanted.runtime, wanted.mode)
        return await Sandbox.start(docker, confinement, self.owner)

    async def sweep(self) -> int:
        """Remove what an earlier life left; how many."""
        return await sweep(self.docker, self.owner)


async def find(instance: str = "pumpkin", like: EngineSettings | None = None) -> Engine:
    """The first engine that answers where engines usually are, with all but the address as in `like`. Raises NoEngine,
    saying what was tried."""
    tried = []
    for address in discovery.addresses():
        engine = Engine(replace(like or EngineSettings(""), address=address), instance)
        health = await engine.check()
        if health.version:
            return engine
        tried.append(f"{address}: {health.problem}")
        await engine.close()
    raise NoEngine("no container engine answers; " + ("; ".join(tried) or "there is no socket of Docker or podman"))


def _health(settings: EngineSettings, version: Mapping[str, Any], info: Mapping[str, Any], found: str | None) -> Health:
    components = [str(one.get("Name", "")) for one in version.get("Components", [])]
    return Health(
        settings.address,
        name="podman" if any("Podman" in one for one in components) else "docker",
        version=str(version.get("Version", "")),
        cpus=int(info.get("NCPU", 1)),
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        image=found or "",
        problem=_missing_runtime(settings.runtime, info) or ("" if found else "the sandbox image is not built yet"),
    )


def _missing_runtime(wanted: str, info: Mapping[str, Any]) -> str:
    """What to say where the engine has not the runtime that is set; empty where it has it or does not tell."""
    known = sorted(info.get("Runtimes") or ())
    if not wanted or not known or wanted in known or wanted.startswith("/"):
        return ""
    return f"the engine has no runtime {wanted}; it has {', '.join(known)} (sandbox.engines.runtime)"
