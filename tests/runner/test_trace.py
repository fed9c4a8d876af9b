"""The reduction of a trace to processes, files, sockets and attempts."""

from __future__ import annotations

from typing import Any

from pumpkin.runner.telling import EVENTS_A_KIND
from pumpkin.runner.trace import Trace

BOOT = [
    '10 0.9 execve("/usr/bin/choom", ["/usr/bin/choom", "-n", "1000", "--", "x"], ["HOME=/home/dev"]) = 0',
    '10 1.0 execve("/usr/bin/setpriv", ["/usr/bin/setpriv", "--", "x"], ["HOME=/home/dev"]) = 0',
    '10 1.1 execve("/usr/bin/python3", ["/usr/bin/python3", "-m", "pip"], ["HOME=/home/dev"]) = 0',
]


def reduced(*lines: str, **options: Any) -> tuple[list[dict[str, Any]], dict[str, Any], Trace]:
    told: list[dict[str, Any]] = []
    trace = Trace(told.append, cwd="/work", environment={"HOME": "/home/dev"}, **options)
    for line in (*BOOT, *lines):
        trace.feed(line)
    return told, trace.finish(), trace


def files(totals: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["path"]: one for one in totals["files"]}


def test_processes_form_a_tree_though_vfork_returns_late() -> None:
    told, totals, _ = reduced(
        "10 2.0 vfork( <unfinished ...>",
        '11 2.1 execve("/bin/sh", ["sh", "-c", "id"], ["HOME=/home/dev", "EXTRA=1"]) = 0',
        "10 2.2 <... vfork resumed>) = 11",
        "11 2.3 +++ exited with 3 +++",
        "10 2.4 +++ exited with 0 +++",
        installer=True,
    )
    shell = next(one for one in totals["processes"] if one["pid"] == 11)
    assert (shell["ppid"], shell["argv"], shell["status"], shell["env"]) == (10, ["sh", "-c", "id"], 3, {"EXTRA": "1"})
    assert not shell["installer"]
    assert [one["kind"] for one in told] == ["exec", "exec", "exit"]


def test_a_relative_path_is_resolved_by_the_directory_in_force() -> None:
    _, totals, _ = reduced(
        '10 2.0 chdir("/tmp/a") = 0',
        '10 2.1 unlink("b") = 0',
        '10 2.2 openat(AT_FDCWD</tmp/c>, "d", O_WRONLY|O_CREAT, 0666) = 3</tmp/c/d>',
        '10 2.3 mkdirat(5</srv>, "e", 0777) = 0',
    )
    assert files(totals)["/tmp/a/b"]["delete"] == 1
    assert files(totals)["/tmp/c/d"]["create"] == 1
    assert "/srv/e" in files(totals)


def test_a_failed_write_is_an_attempt() -> None:
    told, totals, _ = reduced(
        '10 2.0 openat(AT_FDCWD</work>, "/etc/cron.d/x", O_WRONLY|O_CREAT, 0644) = -1 EROFS (Read-only)'
    )
    assert files(totals)["/etc/cron.d/x"]["tried"] == 1
    assert told[-1] == {"kind": "file", "pid": 10, "op": "write", "path": "/etc/cron.d/x", "error": "EROFS"}


def test_written_data_is_counted_and_its_beginning_kept() -> None:
    _, totals, _ = reduced(
        '10 2.0 openat(AT_FDCWD</work>, "/tmp/x", O_WRONLY|O_CREAT, 0644) = 3</tmp/x>',
        '10 2.1 write(3</tmp/x>, "abc\\n", 4) = 4',
        '10 2.2 write(3</tmp/x>, "def"..., 3000) = 3000',
    )
    one = files(totals)["/tmp/x"]
    assert (one["size"], one["writes"], bytes.fromhex(one["head"])) == (3004, 2, b"abc\ndef")


def test_a_connection_is_told_with_its_transport() -> None:
    told, _, _ = reduced(
        '10 2.0 connect(3<TCP:[9]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("198.51.100.7")}, 16)'
        " = -1 EINPROGRESS (Operation now in progress)",
    )
    assert told[-1] == {
        "kind": "connect", "pid": 10, "family": "ipv4", "transport": "tcp", "address": "198.51.100.7", "port": 443,
    }  # fmt: skip


def test_attempts_on_the_tracer_are_told() -> None:
    told, _, _ = reduced(
        "10 2.0 kill(1, SIGKILL) = -1 EPERM (Operation not permitted)",
        '10 2.1 openat(AT_FDCWD</work>, "/proc/1/mem", O_RDWR) = -1 EACCES (Permission denied)',
        "10 2.2 io_uring_setup(8, {flags=0}) = -1 ENOSYS (Function not implemented) (INJECTED)",
        "10 2.3 clone(child_stack=NULL, flags=CLONE_UNTRACED|SIGCHLD) = 99",
        "10 2.4 ptrace(PTRACE_TRACEME) = 0 (INJECTED)",
        own=(1,),
    )
    assert len([one for one in told if one["kind"] == "tamper"]) == 5


def test_node_asking_for_io_uring_is_no_attempt() -> None:
    told, _, _ = reduced(
        '10 2.0 execve("/opt/node/bin/node", ["node"], ["HOME=/home/dev"]) = 0',
        "10 2.2 io_uring_setup(8, {flags=0}) = -1 ENOSYS (Function not implemented) (INJECTED)",
    )
    assert not [one for one in told if one["kind"] == "tamper"]


def test_a_thread_is_its_process_though_clone_returns_late() -> None:
    told, totals, _ = reduced(
        '10 2.0 execve("/opt/node/bin/node", ["node"], ["HOME=/home/dev"]) = 0',
        "10 2.1 clone3({flags=CLONE_VM|CLONE_THREAD, child_tid=0x7f} <unfinished ...>",
        "11 2.2 io_uring_setup(8, {flags=0}) = -1 ENOSYS (Function not implemented) (INJECTED)",
        "10 2.3 <... clone3 resumed> => {parent_tid=[11]}, 88) = 11",
        "11 2.4 +++ exited with 0 +++",
    )
    assert not [one for one in told if one["kind"] == "tamper"]
    assert len(totals["processes"]) == 1
    assert totals["processes"][0]["end"] is None


def test_a_decoy_that_is_read_is_told_though_the_installer_may() -> None:
    line = '10 2.0 openat(AT_FDCWD</work>, "/home/dev/.ssh/id_rsa", O_RDONLY) = 3</home/dev/.ssh/id_rsa>'
    watched = ("/home/dev/.ssh/id_rsa",)
    assert any(one["kind"] == "decoy_touched" for one in reduced(line, watched=watched)[0])
    assert not any(one["kind"] == "decoy_touched" for one in reduced(line, watched=watched, installer=True)[0])


def test_a_flood_is_cut_and_counted() -> None:
    told, totals, _ = reduced(*(f'10 2.0 unlink("/tmp/{n}") = 0' for n in range(EVENTS_A_KIND + 40)))
    assert len([one for one in told if one["kind"] == "file"]) == EVENTS_A_KIND
    assert totals["cut"]["file"] == 40
    assert totals["calls"]["unlink"] == [EVENTS_A_KIND + 40, 0]
