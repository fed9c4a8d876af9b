"""What a package did in the sandbox: phases, processes, files, network, secrets, and what was not observed.

Times are seconds since 1970 as the sandbox's clock had them, durations seconds. Text that came from the package is as
it came, bounded; whoever shows it escapes it. Bytes to download stand apart, as `Attachment`s named by digest.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pumpkin.model.findings import Finding

PHASES = ("install", "import", "execute")
OUTPUT_LIMIT = 128 * 1024


@dataclass(frozen=True, slots=True)
class Artifact:
    """What was analysed. `digest` SHA-256 in hex of the archive handed in; empty when an installer fetched it."""

    ecosystem: str
    name: str = ""
    version: str = ""
    file: str = ""
    digest: str = ""
    size: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """How it was observed: the proof of a report covers this, too. `network` is sinkhole, offline, open, or names with
    the reason why the sinkhole was not possible."""

    engine: str = ""
    runtime: str = ""
    image: str = ""
    strace: str = ""
    network: str = ""
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Process:
    """`installer` is true for the package manager itself, whose deeds are not the package's."""

    pid: int
    ppid: int | None
    path: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    start: float
    end: float | None = None
    status: int | None = None
    signal: str | None = None
    installer: bool = False


@dataclass(frozen=True, slots=True)
class FileUse:
    """What was done to one path: calls that succeeded by kind, `tried` those that failed; `size` bytes in `writes`
    writes, `head` the first of them; `buffers` the contents seen, by SHA-256."""

    path: str
    read: int = 0
    write: int = 0
    create: int = 0
    delete: int = 0
    rename: int = 0
    chmod: int = 0
    tried: int = 0
    size: int = 0
    writes: int = 0
    head: bytes = b""
    installer: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase: `status` completed, failed, timeout or not_run (`why`); `calls` name to (made, failed) of the traced
    set; `events` what was told while it ran, in order; `log` what the exercise wrote down: the package's word."""

    name: str
    status: str = "not_run"
    why: str = ""
    duration_s: float = 0.0
    exit_status: int | None = None
    signal: str | None = None
    left: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    processes: tuple[Process, ...] = ()
    files: tuple[FileUse, ...] = ()
    calls: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()
    log: tuple[Mapping[str, Any], ...] = ()
    cut: Mapping[str, int] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[Mapping[str, Any]]:
        """Its events of these kinds."""
        return [event for event in self.events if event["kind"] in kinds]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file the package left: `sha256` None when it was too large to hash, `sort` by its first bytes (elf, script...),
    `kept` whether its content is an attachment."""

    path: str
    phase: str
    size: int
    mode: str
    sha256: str | None
    sort: str
    head: bytes
    kept: bool


@dataclass(frozen=True, slots=True)
class Attachment:
    """Bytes for download, never rendered: `name` as the page shows it, `id` their SHA-256."""

    name: str
    content: bytes = field(repr=False)

    @property
    def id(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Report:
    """The whole of one run. `fault` tells why it has no end; `cut` counts what was over a bound and not
    kept; `cpu_s` is what package, tracer and runner used together."""

    artifact: Artifact
    environment: Environment
    phases: tuple[Phase, ...]
    dropped: tuple[Dropped, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    findings: tuple[Finding, ...] = ()
    cut: Mapping[str, int] = field(default_factory=dict)
    started: float = 0.0
    duration_s: float = 0.0
    cpu_s: float = 0.0
    fault: str = ""

    @property
    def status(self) -> str:
        """`completed`, `not_run` when no phase took place, or how the first phase that did not complete ended."""
        if self.fault:
            return "fault"
        if all(one.status == "not_run" for one in self.phases):
            return "not_run"
        return next((one.status for one in self.phases if one.status in ("failed", "timeout")), "completed")

    def phase(self, name: str) -> Phase:
        """The phase, an empty one that was not run when there is none."""
        return next((one for one in self.phases if one.name == name), Phase(name))

    def as_json(self) -> dict[str, Any]:
        """Our own document (contracts/sandbox.md section 5), without the bytes of attachments."""
        document = asdict(self)
        document["status"] = self.status
        document["attachments"] = [
            {"name": one.name, "sha256": one.id, "size": len(one.content)} for one in self.attachments
        ]
        document["findings"] = [finding.as_json() for finding in self.findings]
        plain: dict[str, Any] = _plain(document)
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return shown(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def shown(data: bytes) -> dict[str, str]:
    """Bytes in JSON: as text where they are UTF-8, else in base64."""
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}
