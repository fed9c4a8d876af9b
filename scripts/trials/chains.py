"""An image with every tool chain, and a crate and a jar that do something in each phase they have."""

from __future__ import annotations

import base64

from actors.sandbox import SandboxSupervisor
from pumpkin.adapters.engine import EngineSettings, Job, Recipe, find
from pumpkin.model.reports import Artifact
from tests.sandbox.samples import crate, jar

BUILD = 'fn main() { let _ = std::net::TcpStream::connect("198.51.100.31:80"); }\n'
LIBRARY = "pub fn one() -> u8 { 1 }\n"
# package sample; the class initialiser connects to 198.51.100.32, called() to 198.51.100.33 (compiled by javac 17)
CLASS = (
    "yv66vgAAAD0ALgoAAgADBwAEDAAFAAYBABBqYXZhL2xhbmcvT2JqZWN0AQAGPGluaXQ+AQADKClWCAAIAQANMTk4LjUxLjEwMC4zMwoACgALBw"
    "AMDAANAA4BAA1zYW1wbGUvU2FtcGxlAQAFcmVhY2gBABUoTGphdmEvbGFuZy9TdHJpbmc7KVYHABABAA9qYXZhL25ldC9Tb2NrZXQKAA8AAwcA"
    "EwEAGmphdmEvbmV0L0luZXRTb2NrZXRBZGRyZXNzCgASABUMAAUAFgEAFihMamF2YS9sYW5nL1N0cmluZztJKVYKAA8AGAwAGQAaAQAHY29ubm"
    "VjdAEAHChMamF2YS9uZXQvU29ja2V0QWRkcmVzcztJKVYKAA8AHAwAHQAGAQAFY2xvc2UHAB8BABNqYXZhL2xhbmcvVGhyb3dhYmxlCgAeACEM"
    "ACIAIwEADWFkZFN1cHByZXNzZWQBABgoTGphdmEvbGFuZy9UaHJvd2FibGU7KVYHACUBABNqYXZhL2xhbmcvRXhjZXB0aW9uCAAnAQANMTk4Lj"
    "UxLjEwMC4zMgEABENvZGUBAAZjYWxsZWQBAA1TdGFja01hcFRhYmxlBwAsAQAQamF2YS9sYW5nL1N0cmluZwEACDxjbGluaXQ+ACEACgACAAAA"
    "AAAEAAEABQAGAAEAKAAAABEAAQABAAAABSq3AAGxAAAAAAAJACkABgABACgAAAASAAEAAAAAAAYSB7gACbEAAAAAAAoADQAOAAEAKAAAAI0ABQ"
    "AEAAAANbsAD1m3ABFMK7sAElkqEFC3ABQRC7i2ABcrtgAbpwATTSu2ABunAAlOLC22ACAsv6cABEyxAAMACAAZACAAHgAhACUAKAAeAAAAMAAz"
    "ACQAAQAqAAAALgAG/wAgAAIHACsHAA8AAQcAHv8ABwADBwArBwAPBwAeAAEHAB4F+QABQgcAJAAACAAtAAYAAQAoAAAAEgABAAAAAAAGEia4AA"
    "mxAAAAAAAA"
)


async def run() -> bool:
    """Whether all went well."""
    wanted = EngineSettings("", recipe=Recipe(ecosystems=("rubygems", "crates", "packagist", "maven")))
    engine = await find("trials", wanted)
    await engine.build(lambda line: print(f"  {line}", flush=True))
    actor = SandboxSupervisor.start([engine], warm=0)._actor_weakref()
    assert actor is not None
    try:
        crates = await _run(actor, "cargo", crate("sample", LIBRARY, build=BUILD), {"install": "198.51.100.31"})
        plain = await _run(actor, "cargo", crate("plain", LIBRARY), {})
        classes = {"sample/Sample": base64.b64decode(CLASS)}
        java = await _run(
            actor, "maven", jar("sample", classes), {"import": "198.51.100.32", "execute": "198.51.100.33"}
        )
        return crates and plain and java
    finally:
        actor.actor_ref.stop(block=False)
        await actor.ended()


async def _run(actor: SandboxSupervisor, ecosystem: str, archive: tuple[str, bytes], wanted: dict[str, str]) -> bool:
    report = await actor.analyse(Job(ecosystem, archive=archive), Artifact(ecosystem, archive[0]))
    print(f"  {archive[0]}: {[(one.status, one.why, round(one.duration_s, 1)) for one in report.phases]}")
    for finding in report.findings:
        print(f"    {finding.level}: {finding.reason[:160]}")
    for phase in report.phases:
        if phase.status == "failed":
            print(phase.stderr[-800:].decode(errors="replace"))
    reached = {(phase.name, event["address"]) for phase in report.phases for event in phase.of("connect")}
    well = all((name, address) in reached for name, address in wanted.items())
    well = well and (bool(wanted) or not report.findings) and report.status in ("completed", "not_run")
    print(f"{'passed' if well else 'FAILED'}: {archive[0]}", flush=True)
    return well
