"""Lines of strace, plain and hostile."""

from __future__ import annotations

import pytest

from pumpkin.runner import lines
from pumpkin.runner.lines import Call, End, Reader


def call(line: str) -> Call:
    read = Reader().read(line)
    assert isinstance(read, Call)
    return read


def test_a_call_is_read_with_its_arguments_and_result() -> None:
    seen = call('7 12.5 openat(AT_FDCWD</work>, "a.txt", O_RDONLY|O_CLOEXEC) = 3</work/a.txt>')
    assert (seen.pid, seen.time, seen.name, seen.result, seen.fd) == (7, 12.5, "openat", 3, "/work/a.txt")
    assert lines.parts(seen.args) == ["AT_FDCWD</work>", '"a.txt"', "O_RDONLY|O_CLOEXEC"]


@pytest.mark.parametrize(
    "name", [r"a,b\"(c\n", r"x) = 3", r"y\" = -1 ENOENT (", r"\\", r"<...>", "{[(", " <unfinished ...>"]
)
def test_a_hostile_file_name_loses_no_record(name: str) -> None:
    seen = call(f'7 12.5 openat(AT_FDCWD</work>, "/tmp/{name}", O_RDONLY) = -1 ENOENT (No such file or directory)')
    assert seen.error == "ENOENT"
    assert lines.text(lines.parts(seen.args)[1]).startswith("/tmp/")
    assert len(lines.parts(seen.args)) == 3


def test_a_hostile_name_in_a_decoration_is_not_taken_for_syntax() -> None:
    seen = call(r'7 12.5 write(3</tmp/x) = 9\76,\74\">, "data", 4) = 4')
    assert seen.result == 4
    assert lines.decoration(lines.parts(seen.args)[0]) == '/tmp/x) = 9>,<"'


def test_sockets_and_devices_are_decorated_within_decorations() -> None:
    seen = call('7 1.0 write(3<TCP:[127.0.0.1:5->198.51.100.7:80]>, "x", 1) = 1')
    assert lines.decoration(lines.parts(seen.args)[0]) == "TCP:[127.0.0.1:5->198.51.100.7:80]"
    assert call("7 1.0 close(3</dev/null<char 1:3>>) = 0").args == "3</dev/null<char 1:3>>"


def test_a_call_in_two_parts_is_joined() -> None:
    reader = Reader()
    assert reader.read("7 1.0 connect(3<TCP:[9]>, {sa_family=AF_INET, sin_port=htons(80) <unfinished ...>") is None
    seen = reader.read('7 2.0 <... connect resumed>, sin_addr=inet_addr("198.51.100.7")}, 16) = 0')
    assert isinstance(seen, Call)
    assert "198.51.100.7" in seen.args


def test_an_end_is_read() -> None:
    assert Reader().read("7 1.5 +++ exited with 3 +++") == End(7, 1.5, 3, None)
    assert Reader().read("7 1.5 +++ killed by SIGKILL +++") == End(7, 1.5, None, "SIGKILL")


def test_what_cannot_be_read_is_counted() -> None:
    reader = Reader()
    assert reader.read("strace: something else") is None
    assert reader.unread == 1


def test_bytes_that_are_no_utf8_are_shown() -> None:
    assert lines.text(r'"/tmp/\377\303\244"') == "/tmp/\\xffä"


@pytest.mark.timeout(5)
def test_hostile_input_takes_linear_time() -> None:
    reader = Reader()
    for line in (
        "(" * 200_000,
        '7 1.0 a("' + "\\\\" * 200_000,
        "7 1.0 a(" + "<" * 200_000,
        "7 1.0 a(" + "{[" * 100_000,
    ):
        reader.read(line)
    lines.parts("[" * 100_000)
    lines.parts("{" * 100_000 + '"' * 3)
    assert reader.unread >= 3


def test_a_result_with_a_leading_zero_is_a_decimal_number() -> None:
    found = Reader().read("7 1.0 umask(022) = 013")
    assert isinstance(found, lines.Call)
    assert found.result == 13
