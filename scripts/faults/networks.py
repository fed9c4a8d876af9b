"""The way between a probe and the server: packets lost, the way cut, the XMPP server killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from scripts.faults.scene import Broken, Scene, run, scene
from tests.acceptance.product import PUMPKIN

SPACE = f"pumpkin-chaos-{os.getpid()}"
HERE, THERE = "10.213.77.1", "10.213.77.2"
COUNT = 'n=$(($(cat "$0" 2>/dev/null || echo 0)+1)); echo $n >"$0.new"; mv "$0.new" "$0"; echo $n'
ARRIVED = "select trim(convert_from(payload, 'utf8')) from checks where type = 'walk' order by seq"
DROP = """table inet chaos {{
  chain in {{
    type filter hook input priority 0
    {rule}
  }}
  chain out {{
    type filter hook output priority 0
    {rule}
  }}
}}
"""


@contextmanager
def far() -> Iterator[None]:
    """A network namespace of its own, another host as far as TCP can tell."""
    link = f"pk{os.getpid() % 100_000}"
    run("ip", "netns", "add", SPACE)
    try:
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "far0", "netns", SPACE)
        run("ip", "addr", "add", f"{HERE}/30", "dev", link)
        run("ip", "link", "set", link, "up")
        for words in (f"addr add {THERE}/30 dev far0", "link set far0 up", "link set lo up"):
            run("ip", "-n", SPACE, *words.split())
        yield
    finally:
        run("ip", "netns", "del", SPACE, check_status=False)


def filter_by(rule: str) -> None:
    """Hold `rule` (nftables) against everything in and out of the namespace; "" ends it."""
    run("ip", "netns", "exec", SPACE, "nft", "flush", "ruleset")
    if rule:
        subprocess.run(
            ["ip", "netns", "exec", SPACE, "nft", "-f", "-"], input=DROP.format(rule=rule), text=True, check=True
        )


def dropped() -> int:
    """How many packets the rule in force has taken, both ways."""
    said = json.loads(run("ip", "netns", "exec", SPACE, "nft", "--json", "list", "ruleset").stdout)
    parts = [part for one in said["nftables"] for part in one.get("rule", {}).get("expr", [])]
    return sum(part["counter"]["packets"] for part in parts if "counter" in part)


class FarProbe:
    """`pumpkin probe` that counts its runs, five a second, each result a number."""

    def __init__(self, here: Scene, folder: Path, *, inside: bool) -> None:
        self._here = here
        folder.mkdir(exist_ok=True)
        made = json.loads(here.product.command("agent", "add", "walker", "--json"))
        xmpp = here.product.facts["xmpp"]
        server = f"{HERE if inside else '127.0.0.1'}:{xmpp['port']}"
        config = folder / "walker.json"
        config.write_text(
            json.dumps(
                {
                    **{"jid": made["jid"], "passwd": made["password"], "type": "walk", "behaviour": "periodic"},
                    **{"server": server, "ca": xmpp["ca"], "period": 0.2},
                    "command": ["sh", "-c", COUNT, str(folder / "n")],
                }
            )
        )
        prefix = ["ip", "netns", "exec", SPACE] if inside else []
        command = [str(PUMPKIN), "probe", "-c", str(config), "--data", str(folder / "far"), "--json"]
        self.process = subprocess.Popen(
            [*prefix, *command], stdout=subprocess.PIPE, stderr=(folder / "log").open("w"), text=True
        )

    def until(self, more: int, within_s: float = 90.0) -> None:
        """Until `more` further results are stored."""
        aim, deadline = len(self.arrived()) + more, time.monotonic() + within_s
        while len(self.arrived()) < aim:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise Broken(f"the probe's results do not arrive: {len(self.arrived())} of {aim}")
            time.sleep(0.3)

    def arrived(self) -> list[int]:
        """The numbers that are stored, in log order."""
        done = subprocess.run(["psql", self._here.dsn, "-Atc", ARRIVED], capture_output=True, text=True, check=False)
        return [int(line) for line in done.stdout.split()]

    def end(self) -> str:
        """Stop it in order and hold what it says against what is stored."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=60)
        summary = json.loads(out.splitlines()[-1])
        numbers = self.arrived()
        if len(numbers) != len(set(numbers)):
            raise Broken("a probe's result was stored twice")
        missing = set(range(1, max(numbers) + 1)) - set(numbers)
        if len(missing) > summary["waiting"] + summary["dropped"]:
            raise Broken(f"a probe's results are lost: {sorted(missing)[:10]}, and it says {summary}")
        return f"{len(numbers)} results of the probe arrived, each once"


def loss(times: int) -> Scene:
    """A third of all packets lost, each way, for some seconds."""
    return _across("numgen random mod 100 < 33 counter drop", times, 12)


def partition(times: int) -> Scene:
    """Nothing passes, for longer than the stream's patience."""
    return _across("counter drop", times, 25)


def _across(rule: str, times: int, seconds: float) -> Scene:
    lost = 0
    with far(), scene(options=("--xmpp-listen", "0.0.0.0")) as here:
        probe = FarProbe(here, here.product.data.parent / "walker", inside=True)
        try:
            with here.traffic() as traffic:
                probe.until(10)
                for _ in range(times):
                    filter_by(rule)
                    time.sleep(2)  # what was on its way
                    before = len(probe.arrived())
                    time.sleep(seconds - 2)
                    lost += (taken := dropped())
                    if not taken or (rule.startswith("counter") and len(probe.arrived()) != before):
                        raise Broken(f"the way was open: {taken} packets dropped")
                    filter_by("")
                    begun = time.monotonic()
                    probe.until(20)
                    here.note(f"the probe delivers again within {30 if time.monotonic() - begun < 30 else 90} s")
                here.judge(traffic)
            here.note(f"{lost} packets dropped; {probe.end()}")
        finally:
            _end(probe.process)
        return here


def xmpp(times: int) -> Scene:
    """A managed Prosody killed (kill -9) while a probe sends."""
    with scene(options=("--xmpp", "prosody")) as here:
        probe = FarProbe(here, here.product.data.parent / "walker", inside=False)
        try:
            with here.traffic() as traffic:
                probe.until(10)
                for _ in range(times):
                    victims = [
                        one for one in psutil.Process(here.pid).children(recursive=True)
                        if "prosody" in " ".join(one.cmdline())
                    ]  # fmt: skip
                    if not victims:
                        raise Broken("there is no Prosody to kill")
                    victims[0].kill()
                    victims[0].wait(10)
                    probe.until(15)
                    here.until_ready()
                here.judge(traffic)
            here.note(probe.end())
        finally:
            _end(probe.process)
        return here


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.communicate()
