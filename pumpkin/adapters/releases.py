"""The releases of a probe that the enrolment line installed: another one fetched, tried and switched to by itself.

The line's program (`HOME/pumpkin`) names itself in PUMPKIN_PROBE_PROGRAM and runs, where they belong to its own user,
`HOME/data/update/current`, or once `next`, which it renames to `tried` first; else what the line installed. So a
release that does not come up is not begun a second time, and nothing here needs more rights than the probe has.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import platform
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pumpkin.adapters.https import HttpsWay
from pumpkin.errors import InvalidRequest, StartError

PROGRAM = "PUMPKIN_PROBE_PROGRAM"
KIT_LIMIT = 256 * 1024 * 1024
UNPACKED_LIMIT = 1024 * 1024 * 1024
TRY_S = 120.0


def tag() -> str:
    """Which kit fits here: Python, platform and C library, for instance `cpython-311-linux-x86_64-glibc`."""
    return f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}-{platform.libc_ver()[0] or 'musl'}"


class Releases:
    """The releases below `home`; `line` are the words the probe was started with, for its start anew. One process has
    one: several probes in it update together."""

    def __init__(self, program: Path, configs: Sequence[Path], data: Path, line: Sequence[str]) -> None:
        self._program, self._configs, self._data, self._line = program, list(configs), data, list(line)
        self._folder = data / "update"
        self._lock = asyncio.Lock()
        self.wanted: Path | None = None
        """The release to be started in place of this one."""

    @classmethod
    def found(cls, configs: Sequence[Path], data: Path) -> Releases | None:
        """Those this process was started from; None where it was installed by other means."""
        program = Path(os.environ.get(PROGRAM, ""))
        if not program.is_absolute() or data != program.parent / "data" or not program.is_file():
            return None
        return cls(program, configs, data, sys.argv[1:])

    def runs(self, sha256: str) -> bool:
        """Whether this process runs the release of that kit."""
        return Path(sys.prefix).name == _name(sha256)

    async def install(self, way: HttpsWay, sha256: str) -> None:
        """Fetch the kit of that digest, lay it beside what runs, and try it: it is `wanted` then. InvalidRequest says
        why it is not, Unavailable that the server cannot be reached now."""
        async with self._lock:
            release = self._folder / _name(sha256)
            try:
                await self._laid(way, sha256, release)
            except (OSError, tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
                raise InvalidRequest(f"The new version cannot be laid down: {error}.") from None
            configs = [word for one in self._configs for word in ("-c", str(one))]
            python = str(release / "bin" / "python")
            await _done(python, "-P", "-m", "pumpkin", "probe", "--check", *configs, "--data", str(self._data))
            self.wanted = release

    async def _laid(self, way: HttpsWay, sha256: str, release: Path) -> None:
        if (release / "complete").exists():
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        await asyncio.to_thread(shutil.rmtree, release, ignore_errors=True)
        kit = self._folder / "kit.part"
        try:
            await way.fetch(f"/api/v1/kits/{sha256}", kit, KIT_LIMIT)
            await asyncio.to_thread(_checked, kit, sha256)
            await _done(sys.executable, "-I", "-m", "venv", "--without-pip", str(release))
            major, minor = sys.version_info[:2]
            await asyncio.to_thread(_unpack, kit, release / "lib" / f"python{major}.{minor}" / "site-packages")
            (release / "complete").touch(0o600)
        finally:
            kit.unlink(missing_ok=True)

    def restart(self) -> None:
        """Become the release that is wanted, at once and in the same process; StartError when that cannot be."""
        try:
            if self.wanted is not None:
                part = self._folder / "next.part"
                part.unlink(missing_ok=True)
                part.symlink_to(self.wanted.name)
                part.replace(self._folder / "next")
            os.execv(self._program, [str(self._program), *self._line])  # noqa: S606
        except OSError as error:
            raise StartError(f"{self._program} cannot be started: {error.strerror}.") from None

    def stands(self) -> None:
        """What runs has proven itself: it is started from now on, and what ran before it is removed, save what the
        line installed."""
        tried, current = self._folder / "tried", self._folder / "current"
        if tried.is_symlink() and tried.resolve() == Path(sys.prefix).resolve():
            tried.replace(current)
            for one in self._folder.glob("release-*"):
                if one.resolve() != current.resolve():
                    shutil.rmtree(one, ignore_errors=True)


def _name(sha256: str) -> str:
    return f"release-{sha256[:12]}"


def _checked(kit: Path, sha256: str) -> None:
    with kit.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise InvalidRequest(
            f"The kit is not the one the signed order names (SHA-256 {found[:12]}, not {sha256[:12]})."
        )


def _unpack(kit: Path, target: Path) -> None:
    left = UNPACKED_LIMIT
    with tarfile.open(kit, "r:gz") as archive:
        for entry in archive:
            inside = PurePosixPath(entry.name)
            left -= entry.size
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is None or inside.is_absolute() or ".." in inside.parts or left < 0:
                raise InvalidRequest("The kit holds what no kit holds.")
            path = target / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file)
            path.chmod(0o700 if entry.mode & 0o100 else 0o600)


async def _done(*argv: str) -> None:
    """Run it to its end; InvalidRequest with its first complaint, or its last word, when it does not end well."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(TRY_S):
            out, _ = await process.communicate()
    except TimeoutError:
        raise InvalidRequest("The new version does not answer when it is tried.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = [line.strip() for line in out.decode("utf-8", "replace").splitlines() if line.strip()]
        why = next((line for line in lines if line.startswith("FAULT")), lines[-1] if lines else "it says nothing")
        raise InvalidRequest(f"The new version would not run here: {why[:300]}")
