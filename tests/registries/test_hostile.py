"""A registry that is down, slow, lying, or pointing elsewhere: a typed error each time, and nothing taken from it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from aiohttp.test_utils import TestServer
from yarl import URL

from pumpkin.adapters.registries import Registries, build
from pumpkin.adapters.registries.guard import Guard
from pumpkin.errors import (
    PackageNotFound,
    RegistryError,
    RegistryRefused,
    RegistryTooLarge,
    RegistryUnavailable,
)
from pumpkin.model.packages import Artifact
from pumpkin.model.purl import Purl
from tests.registries.conftest import PURLS
from tests.registries.fake import FILE, FakeRegistry

Door = Callable[..., Registries]
MODES = {
    "down": RegistryUnavailable,
    "busy": RegistryUnavailable,
    "slow": RegistryUnavailable,
    "drips": RegistryUnavailable,
    "cut": RegistryUnavailable,
    "private": RegistryRefused,
    "private name": RegistryRefused,
    "elsewhere": RegistryRefused,
    "loop": RegistryRefused,
    "scheme": RegistryRefused,
    "announces": RegistryTooLarge,
    "bomb": RegistryTooLarge,
}


@pytest.mark.parametrize("text", PURLS)
@pytest.mark.parametrize("mode", ["down", "private", "announces", "another", "not json"])
async def test_a_registry_that_fails_is_a_typed_error_in_every_ecosystem(
    door: Door, fake: FakeRegistry, mode: str, text: str
) -> None:
    fake.misbehave(mode)
    # Wolfi's one index holds every package: another package's document does not exist there.
    expected = PackageNotFound if (mode, text) == ("another", PURLS[-1]) else MODES.get(mode, RegistryError)
    purl = Purl.package(text.replace("wolfi/thing", "wolfi/absent") if mode == "another" else text)
    with pytest.raises(expected) as refused:
        await door().resolve(purl)
    assert refused.value.status in (404, 502)
    assert "127.0.0.1" not in refused.value.message or mode == "elsewhere"


@pytest.mark.parametrize("mode", sorted(MODES))
async def test_each_way_of_failing_is_told_apart(door: Door, fake: FakeRegistry, mode: str) -> None:
    fake.misbehave(mode)
    start = time.monotonic()
    with pytest.raises(MODES[mode]) as refused:
        await door(document_s=5 if mode == "bomb" else 0.5).versions(Purl.package("pkg:pypi/thing"))
    assert type(refused.value) is MODES[mode]
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("mode", ["list", "deep", "not json"])
@pytest.mark.parametrize("text", PURLS[:3] + PURLS[4:6])
async def test_a_document_of_another_form_is_refused(door: Door, fake: FakeRegistry, mode: str, text: str) -> None:
    fake.misbehave(mode)
    with pytest.raises(RegistryError):
        await door().versions(Purl.package(text))


async def test_xml_with_entities_is_not_read(door: Door, fake: FakeRegistry) -> None:
    fake.misbehave("entities")
    with pytest.raises(RegistryError, match="entities"):
        await door().versions(Purl.package("pkg:maven/org.example/thing"))
    with pytest.raises(RegistryError, match="entities"):
        await door().new_releases("pypi", "")


@pytest.mark.parametrize("text", PURLS)
@pytest.mark.parametrize(
    ("mode", "error"),
    [("more", RegistryError), ("less", RegistryError), ("other bytes", RegistryError), ("private", RegistryRefused),
     ("announces", RegistryTooLarge), ("cut", (RegistryUnavailable, RegistryTooLarge))],
)  # fmt: skip
async def test_a_file_that_is_not_what_was_published_leaves_nothing(
    door: Door, fake: FakeRegistry, tmp_path: Path, text: str, mode: str, error: type[RegistryError]
) -> None:
    registries = door()
    release = await registries.resolve(Purl.package(text))
    fake.misbehave(mode, FILE)
    with pytest.raises(error):
        await registries.fetch(release.chosen[0], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.95])
async def test_an_apk_is_checked_through_its_control_part_to_its_data(
    registries: Registries, fake: FakeRegistry, tmp_path: Path, share: float
) -> None:
    release = await registries.resolve(Purl.package("pkg:apk/wolfi/thing"))
    files = fake._published["apk", "thing"][1].files
    (name,) = files
    assert (await registries.fetch(release.chosen[0], tmp_path)).verified == ("control-sha1",)
    place = int(len(files[name]) * share)
    files[name] = files[name][:place] + bytes([files[name][place] ^ 1]) + files[name][place + 1 :]
    with pytest.raises(RegistryError):
        await registries.fetch(release.chosen[0], tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


async def test_a_file_larger_than_allowed_is_not_taken(registries: Registries, tmp_path: Path) -> None:
    release = await registries.resolve(Purl.package("pkg:npm/%40scope/thing"))
    with pytest.raises(RegistryTooLarge):
        await registries.fetch(release.chosen[0], tmp_path, limit=10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://198.51.100.7/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[64:ff9b::a00:1]/x",
        "https://192.0.0.192/x",
        "https://168.63.129.16/x",
        "https://[fec0::1]/x",
        "https://[3fff::1]/x",
        "https://[5f00::1]/x",
        "https://[::ffff:0:127.0.0.1]/x",
        "https://0.0.0.0/x",
        "https://169.254.169.254/x",
        "https://224.0.0.1/x",
        "https://user:word@8.8.8.8/x",
        "https://8.8.8.8:22/x",
        "ftp://8.8.8.8/x",
        "//8.8.8.8/x",
        "https:///x",
    ],
)
def test_addresses_that_are_none_of_ours_are_refused(url: str) -> None:
    with pytest.raises(RegistryRefused):
        Guard(["https://registry.example/"]).check(URL(url))


def test_a_public_address_is_followed_unless_strict() -> None:
    url = URL("https://files.example/thing.tgz")
    assert Guard(["https://registry.example/"]).check(url) == url
    with pytest.raises(RegistryRefused):
        Guard(["https://registry.example/"], strict=True).check(url)
    assert Guard(["http://10.0.0.1:8080/simple"]).check(URL("http://10.0.0.1:8080/files/x"))
    with pytest.raises(RegistryRefused):
        Guard(["http://10.0.0.1:8080/simple"]).check(URL("http://10.0.0.1:8081/files/x"))


@pytest.mark.parametrize(
    "url",
    [
        "http://[",
        "https://a.example/\r\nX: y",
        "https://a.example/a b",
        "",
        "https://ä.example/",
        "x" * 5_000,
        "https://",
    ],
)
async def test_an_address_that_is_none_is_refused(registries: Registries, tmp_path: Path, url: str) -> None:
    with pytest.raises(RegistryRefused):
        await registries.fetch(Artifact(url, "thing.tgz", "tarball"), tmp_path)


async def test_a_name_that_means_this_machine_is_refused_while_connecting(
    registries: Registries, tmp_path: Path
) -> None:
    artifact = Artifact("https://localhost/thing.tgz", "thing.tgz", "tarball")
    with pytest.raises(RegistryRefused, match="not public"):
        await registries.fetch(artifact, tmp_path)


async def test_credentials_go_to_their_registry_only(fake: FakeRegistry, tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def other(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(text="{}", content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", other)
    async with TestServer(app) as server:
        elsewhere = str(server.make_url("/"))
        places = fake.places()
        registries = build(
            type(places)(pypi=places.pypi, npm=places.npm, tokens={places.npm: "Bearer secret"}, allowed=(elsewhere,)),
            rate=1_000,
        )
        await registries.versions(Purl.package("pkg:npm/%40scope/thing"))
        assert fake.headers[-1]["Authorization"] == "Bearer secret"
        fake.elsewhere = elsewhere
        fake.misbehave("elsewhere")
        with pytest.raises(RegistryError):
            await registries.versions(Purl.package("pkg:npm/other"))
        await registries.close()
    assert seen == [None]


async def test_what_changed_not_is_not_sent_again(door: Door, fake: FakeRegistry) -> None:
    registries = door(fresh_s=0)
    purl = Purl.package("pkg:pypi/thing")
    first = await registries.versions(purl)
    assert (await registries.versions(purl)) == first
    assert fake.conditional == 1
    fake.publish("pypi", "thing", "1.2.0")
    assert (await registries.versions(purl)).latest == "1.2.0"


async def test_a_fresh_answer_asks_nobody_and_equal_questions_are_asked_once(door: Door, fake: FakeRegistry) -> None:
    registries = door()
    purl = Purl.package("pkg:gem/thing")
    await asyncio.gather(*(registries.versions(purl) for _ in range(20)))
    await registries.versions(purl)
    assert fake.asked["gem/api/v1/versions/thing.json"] == 1


async def test_while_a_registry_is_down_its_last_answer_stands_and_says_so(door: Door, fake: FakeRegistry) -> None:
    registries = door(fresh_s=0)
    purl = Purl.package("pkg:pypi/thing")
    release = await registries.resolve(purl)
    fake.misbehave("down")
    old = await registries.resolve(purl)
    assert (old.purl, old.stale, release.stale) == (release.purl, True, False)
    with pytest.raises(RegistryUnavailable):
        await registries.resolve(Purl.package("pkg:pypi/other"))
    fake.mode = ""
    assert not (await registries.resolve(purl)).stale


async def test_an_answer_older_than_a_day_is_not_used(fake: FakeRegistry, door: Door) -> None:
    now = [1_000_000.0]
    registries = door()
    registries.fetcher._clock = lambda: now[0]
    purl = Purl.package("pkg:pypi/thing")
    await registries.versions(purl)
    fake.misbehave("down")
    now[0] += 86_399
    assert (await registries.versions(purl)).stale
    now[0] += 2
    with pytest.raises(RegistryUnavailable):
        await registries.versions(purl)


async def test_who_looks_is_answered_at_once_and_it_is_asked_again_behind(door: Door, fake: FakeRegistry) -> None:
    registries = door(fresh_s=0)
    purl = Purl.package("pkg:pypi/thing")
    await registries.glance(purl)
    fake.publish("pypi", "thing", "1.2.0")
    old = await registries.glance(purl)
    assert (old.latest, old.stale) == ("1.1.0", True)
    while registries.fetcher._under_way:
        await asyncio.sleep(0)
    assert (await registries.glance(purl)).latest == "1.2.0"


async def test_a_clock_set_back_does_not_keep_an_answer_fresh_for_ever(fake: FakeRegistry, door: Door) -> None:
    now = [1_000_000.0]
    registries = door()
    registries.fetcher._clock = lambda: now[0]
    purl = Purl.package("pkg:pypi/thing")
    await registries.versions(purl)
    now[0] -= 500_000
    fake.publish("pypi", "thing", "1.2.0")
    assert (await registries.versions(purl)).latest == "1.2.0"


async def test_a_host_is_asked_no_faster_than_its_rate(door: Door) -> None:
    registries = door(rate=20, slow=20)
    names = [f"absent-{n}" for n in range(5)]
    start = time.monotonic()
    found = await asyncio.gather(
        *(registries.versions(Purl.package(f"pkg:pypi/{name}")) for name in names), return_exceptions=True
    )
    assert all(isinstance(one, PackageNotFound) for one in found)
    assert time.monotonic() - start >= 4 / 20 - 0.01


async def test_a_crowd_that_looks_does_not_make_an_analysis_wait(door: Door) -> None:
    registries = door(rate=20, slow=20)
    crowd = [registries.glance(Purl.package(f"pkg:pypi/absent-{n}")) for n in range(200)]
    looking = asyncio.gather(*crowd, return_exceptions=True)
    await asyncio.sleep(0)
    start = time.monotonic()
    release = await registries.resolve(Purl.package("pkg:gem/thing"))
    assert release.version == "1.1.0"
    assert time.monotonic() - start < 9  # not the 10 s in which the crowd is served
    turned_away = [one for one in await looking if isinstance(one, RegistryUnavailable)]
    assert len(turned_away) > 100


async def test_retry_after_is_kept_to(door: Door, fake: FakeRegistry) -> None:
    registries = door()
    fake.misbehave("busy")
    with pytest.raises(RegistryUnavailable):
        await registries.versions(Purl.package("pkg:pypi/thing"))
    fake.mode = ""
    asked = sum(fake.asked.values())
    with pytest.raises(RegistryUnavailable, match="wait"):
        await registries.versions(Purl.package("pkg:npm/other"))
    assert sum(fake.asked.values()) == asked


async def test_a_name_that_changes_its_address_gains_nothing() -> None:
    """What is judged is what is connected to: between the two no name is asked again."""

    class Turning(ThreadedResolver):
        def __init__(self) -> None:
            super().__init__()
            self.asked = 0

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            self.asked += 1
            address = "8.8.8.8" if self.asked == 1 else "127.0.0.1"
            return [ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)]

    names = Turning()
    guard = Guard(["https://registry.example/"], names=names)
    assert [one["host"] for one in await guard.resolve("files.example", 443)] == ["8.8.8.8"]
    with pytest.raises(RegistryRefused):
        await guard.resolve("files.example", 443)
    assert names.asked >= 2
    await guard.close()
