"""The embedded PostgreSQL: made in the data folder at first start, a direct child, reached over a Unix socket only.

Folders: DATA/postgres is the cluster, DATA/postgres.log what the server says, DATA/postgres.lock the lock that one
Pumpkin holds. As root the server runs under a uid that owns nothing else. That uid need not reach the data folder
(it may lie below a closed home folder): the server is started *inside* the cluster folder and told that its data lie
in /proc/self/cwd, which the kernel resolves without asking the folders above.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from pumpkin.adapters.embedded import binaries
from pumpkin.errors import StartError, StartRefused

FREE_UIDS = range(60600, 60700)  # systemd's "Users, Groups, UIDs and GIDs": 60578 to 61183 are given to nobody
HERE = "/proc/self/cwd"
START_S = 60.0  # recovery after a crash under load took 1 s here; a slow disk may take longer
STOP_S = 20.0
LONGEST_SOCKET = 107  # sockaddr_un.sun_path holds 108 bytes with its zero
LOG_LIMIT = 10 * 1024 * 1024
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl
_syncfs = ctypes.CDLL(None, use_errno=True).syncfs

HBA = "# Only this socket, in a folder that nobody but the owner and root may enter.\nlocal all all trust\n"
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "dynamic_shared_memory_type": "mmap",  # a container's /dev/shm is small
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "client_min_messages": "warning",
}


class EmbeddedPostgres:
    """One PostgreSQL server for one data folder.

    When the server ends without being asked it is started again; `watch` is told of each such event in a sentence.
    A new cluster is made by the version `major`, by default the first at hand.
    """

    def __init__(self, data: Path, *, watch: Callable[[str], None] | None = None, major: int | None = None) -> None:
        self.data = data.absolute()
        self.cluster = self.data / "postgres"
        self._watch = watch or (lambda _: None)
        self._major = major
        self._lock: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._guard: asyncio.Task[None] | None = None
        self._uid = os.geteuid()
        self._home = Path()

    @property
    def run(self) -> Path:
        """The folder of the socket: in the data folder where the path is short enough and the uid can go there."""
        inside = self.data / "run"
        if os.geteuid() != 0 and len(os.fsencode(inside / ".s.PGSQL.5432")) <= LONGEST_SOCKET:
            return inside
        name = hashlib.sha256(os.fsencode(self.data.resolve())).hexdigest()[:12]
        for base in ("/run", os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()):
            if base and os.access(base, os.W_OK | os.X_OK):
                return Path(base) / f"pumpkin-{os.geteuid()}-{name}"
        raise StartError("No folder for PostgreSQL's socket can be written: neither /run nor the temporary folder.")

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    def dsn(self, database: str = "postgres") -> str:
        """The address of one of its databases, as asyncpg and psql take it."""
        return f"postgresql:///{quote(database)}?host={quote(str(self.run), safe='')}&user=pumpkin"

    def running_dsn(self) -> str | None:
        """The address when another process already runs the server of this data folder, else None."""
        try:
            self._take_lock()
        except StartError:
            return self.dsn() if self._status() == "ready" else None
        except OSError:
            return None
        self._drop_lock()
        return None

    async def start(self) -> str:
        """Start the server, made first where there is none; the DSN, ready for connections. StartError says why not."""
        self._prepare_data()
        try:
            await self._settle()
            await self._launch()
        except BaseException as error:
            await self._end(signal.SIGINT)
            self._drop_lock()
            if isinstance(error, OSError):
                raise StartError(f"PostgreSQL cannot start in {self.data}: {error.strerror or error}.") from error
            raise
        self._guard = asyncio.get_running_loop().create_task(self._keep_alive(), name="postgres-guard")
        return self.dsn()

    async def stop(self) -> None:
        """Stop the server (connections are ended, nothing is lost) and free the data folder."""
        if self._guard is not None:
            self._guard.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._guard
            self._guard = None
        await self._end(signal.SIGINT)
        if self._lock is not None:
            shutil.rmtree(self.run, ignore_errors=True)
        self._drop_lock()

    # -- the data folder

    def _prepare_data(self) -> None:
        try:
            self.data.mkdir(mode=0o711, parents=True, exist_ok=True)
            self._take_lock()
        except OSError as error:
            raise StartError(f"The data folder {self.data} cannot be used: {error.strerror}.") from error

    def _take_lock(self) -> None:
        """Lock the data folder. The lock ends with this process, even by kill -9; children do not inherit it."""
        handle = os.open(self.data / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise StartError(
                f"Pumpkin already runs on the data folder {self.data}; stop it or choose another one with --data."
            ) from None
        self._lock = handle

    def _drop_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _settle(self) -> None:
        """Choose the uid and the programs, and make the cluster where there is none."""
        kept = self._kept_version()
        if os.geteuid() == 0:
            self._uid = self._owner() or _free_uid()
            if kept is not None and self._owner() is None:  # copied by root (cp -r), which made all of it root's
                await asyncio.to_thread(_hand_over, self.cluster, self._uid)
                self.cluster.chmod(0o700)
        elif kept is not None and self.cluster.stat().st_uid != os.geteuid():
            raise StartRefused(
                f"The folder {self.cluster} belongs to another user; give it to this one: chown -R {os.geteuid()}."
            )
        major, home = binaries.choose(kept or self._major)
        self._home = home
        if os.geteuid() == 0:
            self._home = await asyncio.to_thread(binaries.runnable_by, home, self._uid, self.data)
        if kept is None:
            await self._make_cluster(major)

    def _kept_version(self) -> int | None:
        try:
            return int((self.cluster / "PG_VERSION").read_text("ascii"))
        except FileNotFoundError:
            return None
        except ValueError:
            raise StartRefused(f"The folder {self.cluster} is not a PostgreSQL cluster; move it away.") from None

    def _owner(self) -> int | None:
        """The uid a cluster made earlier belongs to; root's own cannot be run."""
        return (self.cluster.stat().st_uid or None) if self.cluster.is_dir() else None

    async def _make_cluster(self, major: int) -> None:
        """initdb into a folder of another name and rename it: a start killed half-way begins anew.

        initdb insists on a uid that has a name, so as root it runs as nobody and the result is handed over.
        """
        part = self.data / "postgres.part"
        await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)
        maker = _nobody() if os.geteuid() == 0 else self._uid
        self._own(part, maker)
        locale = ["--locale-provider=builtin", "--locale=C.UTF-8"] if major >= 17 else ["--no-locale"]
        arguments = ["-N", "-D", HERE, "-U", "pumpkin", "-A", "trust", "-E", "UTF8", "--no-instructions", *locale]
        process = await self._spawn(part, maker, "initdb", *arguments)
        if await process.wait() != 0:
            raise StartError(f"PostgreSQL's data could not be made in {part}: {self._last_words()}")
        (part / "pg_hba.conf").write_text(HBA, "ascii")
        if maker != self._uid:
            await asyncio.to_thread(_hand_over, part, self._uid)
        await asyncio.to_thread(_to_disk, part)
        part.rename(self.cluster)
        await asyncio.to_thread(_to_disk, self.data)

    def _own(self, folder: Path, uid: int) -> None:
        """Make `folder` for `uid` alone; one that is there must already be so."""
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), uid}:
            raise StartError(f"The folder {folder} belongs to somebody else; remove it.")
        if os.geteuid() == 0:
            os.chown(folder, uid, uid, follow_symlinks=False)
        folder.chmod(0o700)

    # -- the process

    async def _launch(self) -> None:
        """Start the server; one that was killed leaves processes behind, which take a moment to notice."""
        for pause_s in (0.05, 0.2, 1.0, 3.0, 0.0):
            try:
                await self._launch_once()
                return
            except StartError as error:
                if not pause_s or "still in use" not in error.message:
                    raise
                await asyncio.sleep(pause_s)

    async def _launch_once(self) -> None:
        await self._bury_the_dead()
        self._own(self.run, self._uid)
        options = [f"--{name}={value}" for name, value in OPTIONS.items()]
        self._process = await self._spawn(
            self.cluster, self._uid, "postgres", "-D", HERE, *options, f"--unix_socket_directories={self.run}"
        )
        ended = asyncio.ensure_future(self._process.wait())
        try:
            async with asyncio.timeout(START_S):
                while self._status() != "ready":
                    await asyncio.wait([ended], timeout=0.01)
                    if ended.done():
                        raise StartError(f"PostgreSQL ended at once: {self._last_words()}")
        except TimeoutError:
            raise StartError(f"PostgreSQL was not ready in {START_S:.0f} s: {self._last_words()}") from None
        finally:
            ended.cancel()

    async def _spawn(self, folder: Path, uid: int, program: str, *arguments: str) -> asyncio.subprocess.Process:
        """Run one of PostgreSQL's programs in `folder`, as `uid`, ending when this process does."""
        path = self.data / "postgres.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_name("postgres.log.1"))
        parent = os.getpid()

        def become() -> None:  # all of it here, in this order: uvloop knows no user=, and goes to cwd= after this
            os.chdir(folder)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            # After the uid is set, which would clear the signal (rulings.md 37).
            _prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != parent:
                os._exit(1)

        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                self._home / "bin" / program,
                *arguments,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=become,
                start_new_session=True,
            )
        finally:
            os.close(log)

    def _status(self) -> str:
        """What the server wrote into postmaster.pid: "starting", "ready", "stopping", or "" without a live one."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text("utf-8").splitlines()
        except OSError:
            return ""
        return lines[7].strip() if len(lines) > 7 and self._is_server(int(lines[0])) else ""

    def _is_server(self, pid: int) -> bool:
        """Whether process `pid` is a server of this cluster: told by its command line and its folder, as pids recur."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            return command[0].endswith(b"/postgres") and Path(f"/proc/{pid}/cwd").samefile(self.cluster)
        except OSError:
            return False

    async def _bury_the_dead(self) -> None:
        """End a server that outlived its Pumpkin (we hold the lock, so it is nobody's) and clear a stale pid file."""
        file = self.cluster / "postmaster.pid"
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            try:
                pid = int(file.read_text("utf-8").splitlines()[0])
            except (OSError, ValueError, IndexError):
                break
            if not self._is_server(pid):
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            for _ in range(500):
                if not self._is_server(pid):
                    break
                await asyncio.sleep(0.01)
        file.unlink(missing_ok=True)

    async def _end(self, number: signal.Signals) -> None:
        """Ask the server to end, ever less kindly."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        for step in (number, signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(step)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await process.wait()
                    return

    async def _keep_alive(self) -> None:
        """Start the server again whenever it ends by itself, with growing pauses while that fails."""
        pause_s = 0.05
        while True:
            if self._process is not None:
                status = await self._process.wait()
                self._watch(f"PostgreSQL ended by itself (status {status}) and is started again.")
            try:
                await self._launch()
                self._watch("PostgreSQL is ready again.")
                pause_s = 0.05
            except (StartError, OSError) as error:
                await self._end(signal.SIGQUIT)
                self._watch(f"PostgreSQL could not be started again: {error}")
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 5.0)

    def _last_words(self) -> str:
        """The end of the server's log, in one line."""
        try:
            with (self.data / "postgres.log").open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 600))
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return "it left no log"
        return " / ".join(line.strip() for line in lines[-3:])


def _free_uid() -> int:
    """A uid that belongs to nobody."""
    for uid in FREE_UIDS:
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid
    raise StartError("No free uid was found for PostgreSQL; start Pumpkin as an ordinary user.")


def _nobody() -> int:
    """The uid of a user with a name and no rights."""
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise StartError("This system has no user nobody; start Pumpkin as an ordinary user.") from None


def _to_disk(folder: Path) -> None:
    """Have the file system of `folder` write all it holds back: initdb did not (one call is quicker than its thousand),
    and a power cut soon after the first start must not take the cluster, with acknowledged checks, along."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _syncfs(handle)
        os.fsync(handle)
    finally:
        os.close(handle)


def _hand_over(folder: Path, uid: int) -> None:
    """Give a whole tree to `uid`."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)
