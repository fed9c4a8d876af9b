"""The sandbox: engines as set or found, the registries it may read, and the supervisor of its runs."""

from __future__ import annotations

from contextlib import AsyncExitStack

from actors.sandbox import SandboxSupervisor
from actors.supervision import Child, Restart, System
from pumpkin.adapters.engine import Bounds, Certificates, Engine, EngineSettings, Recipe, Registries, find
from pumpkin.adapters.registries.addresses import npm_registry, pypi_index
from pumpkin.building.disclosed import without_secrets
from pumpkin.errors import StartRefused
from pumpkin.sections import EngineAddress, SandboxSettings
from pumpkin.settings import Settings


async def build_sandbox(
    settings: Settings, system: System, instance: str, stack: AsyncExitStack
) -> Child[SandboxSupervisor]:
    """The supervisor, running. An engine that is missing or away never hinders the start; `unavailable` says why."""
    wanted = settings.sandbox
    bases = {"pypi": wanted.pypi_index or pypi_index(), "npm": wanted.npm_registry or npm_registry()}
    registries = await stack.enter_async_context(Registries(bases, settings.data / "sandbox" / "registries"))
    given = [engine_settings(wanted, one) for one in wanted.engines]

    async def found() -> Engine:
        return await find(instance, engine_settings(wanted, EngineAddress.model_construct(address="unix:")))

    return await system.start(
        "sandbox",
        lambda: SandboxSupervisor.start(
            [Engine(one, instance) for one in given] if wanted.enabled else [],
            find=found if wanted.enabled and not given else None,
            registries=registries,
            warm=wanted.warm,
            auto_build=wanted.build,
            why="" if wanted.enabled else "The setting sandbox.enabled is off.",
        ),
        restart=Restart(then="leave"),
    )


def engine_settings(wanted: SandboxSettings, one: EngineAddress) -> EngineSettings:
    """What the adapter needs of one engine. StartError for certificates that cannot be used."""
    return EngineSettings(
        one.address,
        slots=one.slots,
        runtime=one.runtime,
        image=wanted.image,
        recipe=Recipe(wanted.base, wanted.ecosystems),
        bounds=Bounds(wanted.memory << 20, wanted.processes, wanted.cpus),
        mode=wanted.network,
        certificates=certificates_of(one),
    )


def certificates_of(one: EngineAddress) -> Certificates | None:
    """What TLS to the engine is spoken with. StartError for files that cannot be used."""
    if one.ca is None and one.certificate is None:
        return None
    found = Certificates(*("" if path is None else str(path.absolute()) for path in (one.ca, one.certificate, one.key)))
    try:
        found.context()
    except OSError as error:
        where, why = without_secrets(one.address), error.strerror or str(error)
        raise StartRefused(f"The certificates of the engine {where} cannot be used: {why}.") from None
    return found
