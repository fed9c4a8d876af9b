"""One confined container: created ahead, used for one job, gone afterwards whatever happened."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiodocker import Docker
from aiodocker.containers import DockerContainer

from pumpkin.adapters.engines.faults import EngineError, NoImage, SandboxLost, translated
from pumpkin.adapters.engines.link import CHUNK, Frame, Link
from pumpkin.adapters.engines.relay import Answer

LABEL = "org.pumpkin.sandbox"
BEAT_S = 4.0
READY_S = 30.0
REMOVE_S = 10.0
STILLBORN_S = 600.0  # a sandbox is started in the second it is made
_MB = 1 << 20
CAPABILITIES = (
    *("SYS_PTRACE", "DAC_READ_SEARCH", "SETUID", "SETGID", "SETPCAP", "CHOWN"),
    *("NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE", "KILL"),
)

Reads = Callable[[str], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one sandbox may use: bytes of memory (swap counts, and what lies in its folders), processes, CPUs."""

    memory: int = 512 * _MB
    pids: int = 256
    cpus: float = 1.0

    def folder(self, share: float) -> str:
        """The options of a writable folder. All together leave the runner and the package memory to run in: what fills
        them must not end the runner."""
        return f"rw,exec,nosuid,nodev,size={int(self.memory * share)}"


@dataclass(frozen=True, slots=True)
class Confinement:
    """Where a sandbox's bounds are: its image, what it may use, which runtime keeps it in (empty for the engine's
    default), what it finds outside: `sinkhole`, `offline`, or `open`: the engine's own network, and all it leads to."""

    image: str
    bounds: Bounds
    runtime: str = ""
    mode: str = "sinkhole"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a sandbox is: an installation, and one life of its process."""

    instance: str
    life: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass(frozen=True)
class Job:
    """One analysis. `spec` names a package for the ecosystem's installer, or `archive` is (file name, bytes);
    `index` the mirror's address inside, empty for no registry, None for the supervisor's choice; times in seconds."""

    ecosystem: str
    spec: str = ""
    archive: tuple[str, bytes] | None = field(default=None, repr=False)
    index: str | None = None
    phases: tuple[str, ...] = ("install", "import", "execute")
    limits: dict[str, float] = field(default_factory=dict)
    total_s: float = 1800.0


def configuration(confinement: Confinement, owner: Owner) -> dict[str, Any]:
    """The engine's description of a sandbox: no network (but for the mode `open`), no mount, no privilege, nothing that
    outlives it."""
    bounds = confinement.bounds
    host: dict[str, Any] = {
        "NetworkMode": "none",
        "Dns": ["198.18.0.2"],  # or the host's own would stand in resolv.conf
        "DnsSearch": ["."],
        "ReadonlyRootfs": True,
        "AutoRemove": True,
        "Memory": bounds.memory,
        "MemorySwap": bounds.memory,
        "NanoCpus": int(bounds.cpus * 1e9),
        "PidsLimit": bounds.pids,
        "SecurityOpt": ["no-new-privileges"],
        "CapDrop": ["ALL"],
        "CapAdd": list(CAPABILITIES),
        "Tmpfs": {
            "/tmp": f"{bounds.folder(0.25)},mode=1777",  # noqa: S108
            "/work": f"{bounds.folder(0.2)},mode=755",
            "/home/dev": f"{bounds.folder(0.35)},mode=755",
            "/run": f"rw,nosuid,nodev,size={16 * _MB},mode=755",
        },
        "Ulimits": [
            {"Name": "nofile", "Soft": 4096, "Hard": 4096},
            # counted by uid over all sandboxes; what bounds one of them is its PidsLimit
            {"Name": "nproc", "Soft": 4096, "Hard": 4096},
        ],
        "LogConfig": {"Type": "none"},
        "IpcMode": "private",
        "ShmSize": 16 * _MB,
        "OomScoreAdj": 500,
    }
    if confinement.runtime:
        host["Runtime"] = confinement.runtime
    if confinement.mode == "open":
        host["NetworkMode"] = "bridge"
        del host["Dns"], host["DnsSearch"]
    return {
        "Image": confinement.image,
        "Cmd": [confinement.mode],
        "Labels": {LABEL: "1", f"{LABEL}.instance": owner.instance, f"{LABEL}.life": owner.life},
        "Hostname": "build",
        "User": "0",
        "Env": [],
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "HostConfig": host,
    }


class Sandbox:
    """A started container whose runner has said it is ready; `about` is what it said."""

    def __init__(self, container: DockerContainer, link: Link) -> None:
        self._container, self._link = container, link
        self._tasks: set[asyncio.Task[None]] = set()
        self.id: str = container.id
        self.about: dict[str, Any] = {}
        self._strays: list[dict[str, Any]] = []
        self._phase: str | None = None
        self.alive = True  # until a beat could not be sent

    @classmethod
    async def start(cls, docker: Docker, confinement: Confinement, owner: Owner) -> Sandbox:
        """Create, attach, start, and wait until the runner is ready. Raises EngineError; leaves nothing behind."""
        async with translated("creating a sandbox", missing=NoImage):
            container = await _made(docker, configuration(confinement, owner))
        sandbox = None
        try:
            async with asyncio.timeout(READY_S), translated("starting a sandbox"):
                stream = container.attach(stdin=True, stdout=True, stderr=True)
                await stream._init()  # attached before it starts, or its first words are lost
                sandbox = cls(container, Link(stream))
                await container.start()
                await sandbox._ready()
        except TimeoutError as error:
            await _remove(container)
            raise EngineError(f"the sandbox was not ready within {READY_S:g} s") from error
        except BaseException:
            if sandbox is not None:
                await sandbox.close()
            else:
                await _remove(container)
            raise
        sandbox._spawn(sandbox._beat())
        return sandbox

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ready(self) -> None:
        frame = await self._link.read()
        if frame is None or frame[0].get("type") != "ready":
            why = self._link.stderr.decode(errors="replace").strip()[-400:]
            raise SandboxLost(f"the runner did not start: {why}")
        self.about = {key: value for key, value in frame[0].items() if key != "type"}

    async def run(self, job: Job, relay: Reads | None = None) -> AsyncGenerator[Frame, None]:
        """The frames of `job`, as they come, up to `done` or `fault`. `relay` answers the mirror's reads (path to
        status, headers, body); without one each is 404. Raises SandboxLost when it ended without a last word."""
        header: dict[str, Any] = {
            "ecosystem": job.ecosystem, "spec": job.spec, "index": job.index or "", "phases": list(job.phases),
            "limits": job.limits, "total_s": job.total_s, "files": 1 if job.archive else 0,
        }  # fmt: skip
        await self._link.send("job", **header)
        if job.archive:
            await self._link.send("file", job.archive[1], name=job.archive[0])
        while (frame := await self._link.read()) is not None:
            if frame[0]["type"] == "ask":
                self._spawn(self._answer(frame[0], relay))
                continue
            while self._strays:
                yield self._strays.pop(0), b""
            if frame[0]["type"] == "phase":
                self._phase = frame[0].get("phase")
            yield frame
            if frame[0]["type"] in ("done", "fault"):
                return
        why = self._link.stderr.decode(errors="replace").strip()[-300:]
        raise SandboxLost(f"the sandbox ended before its report did {why}".strip())

    async def stop(self) -> None:
        """Ask it to cut the phase short; it still reports."""
        with contextlib.suppress(EngineError):
            await self._link.send("end")

    async def close(self) -> None:
        """End it and have it removed; quiet when it has gone already."""
        tasks, self._tasks = list(self._tasks), set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(EngineError):
            await self._link.close()
        await _remove(self._container)

    async def _answer(self, ask: dict[str, Any], relay: Reads | None) -> None:
        path = str(ask.get("path", ""))
        # only an installer has a reason to ask
        answer = Answer(404, stray=True) if relay is None or self._phase != "install" else await relay(path)
        if answer.stray:
            self._strays.append({"type": "event", "kind": "mirror_stray", "path": path[:2000], "phase": self._phase})
        body, number = answer.body, ask.get("id")
        with contextlib.suppress(EngineError):
            first = {"status": answer.status, "headers": dict(answer.headers), "length": len(body)}
            await self._link.send("answer", body[:CHUNK], id=number, last=len(body) <= CHUNK, **first)
            for start in range(CHUNK, len(body), CHUNK):
                await self._link.send("answer", body[start : start + CHUNK], id=number, last=start + CHUNK >= len(body))

    async def _beat(self) -> None:
        try:
            while True:
                await asyncio.sleep(BEAT_S)
                await self._link.send("beat")
        except EngineError:
            self.alive = False

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _made(docker: Docker, wanted: dict[str, Any]) -> DockerContainer:
    """Created. Whoever is cancelled meanwhile waits for what the engine makes all the same, and has it removed."""
    making = asyncio.get_running_loop().create_task(docker.containers.create(wanted))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(REMOVE_S):
                await _remove(await making)
        raise


async def _remove(container: DockerContainer) -> None:
    """Gone, or going by itself: 404 and 409 are what AutoRemove answers; podman needs a second try at times."""
    for _ in range(3):
        try:
            async with asyncio.timeout(REMOVE_S), translated("removing a sandbox"):
                await container.delete(force=True, v=True)
        except TimeoutError:
            continue
        except EngineError as error:
            status = getattr(error.__cause__, "status", None)
            if status in (404, 409) or status == 900:
                return
            await asyncio.sleep(0.1)
            continue
        return


async def sweep(docker: Docker, owner: Owner) -> int:
    """Remove sandboxes that an earlier life of this installation left, and those that anybody's server made and was
    killed before it could start them (what never ran does not end by itself); how many."""
    mine = {"label": [f"{LABEL}.instance={owner.instance}"]}
    async with translated("sweeping"):
        left = {
            one.id: one
            for one in await docker.containers.list(all=True, filters=mine)
            if one["Labels"].get(f"{LABEL}.life") != owner.life
        }
        for one in await docker.containers.list(all=True, filters={"label": [LABEL], "status": ["created"]}):
            if time.time() - one["Created"] > STILLBORN_S:
                left[one.id] = one
        for container in left.values():
            await _remove(container)
    return len(left)
