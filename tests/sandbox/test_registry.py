"""What a sandbox may read of a registry, and what becomes of registries that answer wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from pumpkin.adapters.engine import EngineSettings, Job, Registries
from pumpkin.adapters.engines.relay import ORIGIN
from pumpkin.model.reports import Artifact, Report
from tests.sandbox import laboratory
from tests.sandbox.registry import Registry
from tests.sandbox.samples import npm, wheel

pytestmark = pytest.mark.timeout(200)
Serve = Callable[..., Awaitable[TestServer]]


async def served(registry: Registry, aiohttp_server: Serve, cache: Path) -> Registries:
    server = await aiohttp_server(registry.application())
    return Registries({"pypi": str(server.make_url("/simple")), "npm": str(server.make_url("/npm"))}, cache)


async def analysed(settings: EngineSettings, registries: Registries, *jobs: Job) -> list[Report]:
    async with registries:
        actor = await laboratory.supervisor(settings, registries=registries, blank={})
        found = [await actor.analyse(job, Artifact(job.ecosystem, job.spec)) for job in jobs]
        await laboratory.stop(actor)
        return found


@pytest.mark.parametrize("html", [True, False])
async def test_a_page_leads_back_to_the_mirror(aiohttp_server: Serve, tmp_path: Path, html: bool) -> None:
    registry = Registry(pypi={"sample": wheel("sample")}, html=html)
    async with await served(registry, aiohttp_server, tmp_path) as registries:
        relay = registries.relay()
        page = await relay("/pypi/simple/sample/")
        assert page.status == 200
        link = page.body.decode().split(ORIGIN)[1].split('"')[0].split("#")[0]
        assert (await relay(link)).body == wheel("sample")[1]
        again = registries.relay()
        stray = await again(link)
        assert (stray.status, stray.stray) == (404, True), "another run's page listed it, not this one's"


@pytest.mark.parametrize(
    "path",
    [
        "/pypi/simple/", "/pypi/simple/Sample/", "/pypi/simple/a/../b/", "/pypi/simple/a/?x=1", "/npm/-/v1/search?a=b",
        "/npm/../simple/a/", "/files/000000000000000000000000/x", "//evil.example/", "http://evil.example/", "",
        "/pypi/simple/" + "a" * 200 + "/", "/npm/-/npm/v1/security/audits",
    ],
)  # fmt: skip
async def test_what_no_package_manager_asks_is_not_passed_on(aiohttp_server: Serve, tmp_path: Path, path: str) -> None:
    registry = Registry(pypi={"sample": wheel("sample")})
    async with await served(registry, aiohttp_server, tmp_path) as registries:
        answer = await registries.relay()(path)
    assert (answer.status, answer.stray) == (404, True)
    assert not registry.asked


async def test_wrong_answers_are_no_answers(aiohttp_server: Serve, tmp_path: Path) -> None:
    registry = Registry(pypi={"forged": wheel("forged")}, wrong={"broken": "500", "odd": "garbage", "forged": "digest"})
    async with await served(registry, aiohttp_server, tmp_path) as registries:
        relay = registries.relay()
        assert (await relay("/pypi/simple/broken/")).status == 502
        assert (await relay("/pypi/simple/odd/")).status == 502
        page = await relay("/pypi/simple/forged/")
        link = page.body.decode().split(ORIGIN)[1].split('"')[0]
        assert (await relay(link)).status == 502
    closed = Registries({"pypi": "http://127.0.0.1:9/simple"}, tmp_path / "none")
    async with closed:
        assert (await closed.relay()("/pypi/simple/sample/")).status == 502


async def test_files_are_fetched_once_and_kept(aiohttp_server: Serve, tmp_path: Path) -> None:
    registry = Registry(pypi={"sample": wheel("sample")})
    async with await served(registry, aiohttp_server, tmp_path) as registries:
        for _ in range(2):
            relay = registries.relay()
            page = await relay("/pypi/simple/sample/")
            assert (await relay(page.body.decode().split(ORIGIN)[1].split('"')[0])).status == 200
    assert len(registry.asked) == 2
    for kept in tmp_path.rglob("*"):
        if kept.is_file():
            kept.write_bytes(kept.read_bytes()[:-1] + b"!")
    async with await served(registry, aiohttp_server, tmp_path) as registries:
        assert (await registries.relay()("/pypi/simple/sample/")).status == 200
    assert len(registry.asked) == 3, "a damaged file of the cache is fetched again"


async def test_packages_are_installed_by_name_with_what_they_need(
    engine_settings: EngineSettings, aiohttp_server: Serve, tmp_path: Path
) -> None:
    needs = {
        "sample-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\nRequires-Dist: other\n"
    }
    registry = Registry(
        pypi={"sample": wheel("sample", "import other\n", more=needs), "other": wheel("other")},
        npm={"sample": npm("sample", "exports.one = () => 1\n")},
        wrong={"broken": "500"},
    )
    registries = await served(registry, aiohttp_server, tmp_path)
    python, node, missing, broken = await analysed(
        engine_settings, registries,
        Job("pypi", "sample"), Job("npm", "sample"), Job("pypi", "nothing-here"), Job("pypi", "broken"),
    )  # fmt: skip
    assert [phase.status for phase in python.phases] == ["completed"] * 3
    assert [phase.status for phase in node.phases] == ["completed"] * 3
    assert missing.status == broken.status == "failed"
    assert b"No matching distribution" in missing.phase("install").stderr
    assert broken.phase("install").duration_s < 60
    for report in (python, node, missing, broken):
        assert not [event for phase in report.phases for event in phase.of("mirror_stray", "mirror_refused")]
