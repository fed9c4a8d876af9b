"""`pumpkin analyze` as a gate: its exit status says of the packages only what was said of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner, Result

from pumpkin.__main__ import cli


class Refusing(BaseHTTPRequestHandler):
    """A server that refuses each package with `code`, and counts what it is asked at once."""

    code = ""
    counts: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "purls" not in asked:
            self._answer(400, {"success": False, "code": self.code, "message": "no"})
            return
        self.counts.append(len(asked["purls"]))
        items = [{"purl": one, "code": self.code, "message": "no"} for one in asked["purls"]]
        self._answer(200, {"success": True, "data": {"items": items, "skipped": []}})

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    Refusing.counts.clear()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()


def analyze(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["analyze", "--key", "k", *arguments])


def test_a_server_that_does_not_answer_is_not_a_finding() -> None:
    done = analyze("pkg:pypi/six@1.16.0", "--server", "http://127.0.0.1:1")
    assert done.exit_code == 3
    assert "does not answer" in done.stderr
    said = analyze("pkg:pypi/six@1.16.0", "--server", "http://127.0.0.1:1", "--json")
    assert (said.exit_code, json.loads(said.stderr)["error"]["code"]) == (3, "unavailable")


@pytest.mark.parametrize("wait", ["--wait", "--no-wait"])
@pytest.mark.parametrize(
    ("code", "status"),
    [("invalid_api_key", 3), ("rate_limited", 3), ("registry_unavailable", 3), ("invalid_purl", 4),
     ("package_not_found", 4)],
)  # fmt: skip
def test_what_was_refused_says_whether_the_package_or_the_asking_was_wrong(
    server: str, code: str, status: int, wait: str
) -> None:
    Refusing.code = code
    assert analyze("pkg:pypi/six@1.16.0", "--server", server, wait).exit_code == status


def test_a_lock_file_of_any_length_is_asked_for_in_parts(server: str, tmp_path: Path) -> None:
    Refusing.code = "invalid_purl"
    packages = {f"node_modules/p{n}": {"version": "1.0.0"} for n in range(2_300)}
    (tmp_path / "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))
    done = analyze(str(tmp_path / "package-lock.json"), "--server", server)
    assert Refusing.counts == [1_000, 1_000, 300]
    assert done.exit_code == 4


def test_what_cannot_be_asked_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = analyze("nonsense")
    assert (done.exit_code, done.stderr) == (
        4,
        "pumpkin: nonsense: No such file or directory; give a purl (pkg:pypi/six) or a file\n",
    )
    done = analyze("pkg:pypi/six", "--server", "nonsense")
    assert (done.exit_code, "of --server is not an address of the form" in done.stderr) == (2, True)
    for asked in (["watch", "remove", "9" * 21], ["names", "pypi", "a" * 100_000]):
        assert CliRunner().invoke(cli, asked).exit_code == 2


def test_a_file_that_names_nothing_says_so(server: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# none\n")
    done = analyze(str(tmp_path / "requirements.txt"), "--server", server)
    assert (done.exit_code, Refusing.counts) == (0, [])
    assert "names no package" in done.stderr
    (tmp_path / "package-lock.json").write_text("[")
    assert analyze(str(tmp_path / "package-lock.json"), "--server", server).exit_code == 4
