"""The fake registry with one package in each ecosystem, and our door to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pumpkin.adapters.registries import Registries, build
from tests.registries.fake import FakeRegistry, shapes

PURLS = (
    "pkg:pypi/thing",
    "pkg:npm/%40scope/thing",
    "pkg:gem/thing",
    "pkg:maven/org.example/thing",
    "pkg:composer/vendor/thing",
    "pkg:cargo/thing",
    "pkg:apk/wolfi/thing",
)
NAMES = {
    "pypi": "thing",
    "npm": "@scope/thing",
    "gem": "thing",
    "maven": "org.example:thing",
    "composer": "vendor/thing",
    "cargo": "thing",
    "apk": "thing",
}
VERSIONS = {"npm": ("1.0.0", "1.1.0", "2.0.0-beta.1"), "apk": ("1.0.0-r0", "1.1.0-r1", "2.0.0_rc1-r0")}
COMMON = ("1.0.0", "1.1.0", "2.0.0b1")


def versions(ecosystem: str) -> tuple[str, ...]:
    """Two final versions and a prerelease, as the ecosystem writes them."""
    return VERSIONS.get(ecosystem, COMMON if ecosystem in ("pypi", "gem") else ("1.0.0", "1.1.0", "2.0.0-beta1"))


@pytest.fixture
async def fake() -> AsyncIterator[FakeRegistry]:
    registry = FakeRegistry()
    for ecosystem, name in NAMES.items():
        for version in versions(ecosystem):
            more: dict[str, Any] = {}
            if ecosystem == "maven":
                artifact = name.partition(":")[2]
                jar = f"{artifact}-{version}"
                more["files"] = {
                    f"{jar}.jar": b"jar" * 50,
                    f"{jar}-sources.jar": b"sources" * 50,
                    f"{jar}.pom": shapes.pom("org.example", artifact, version),
                }
            registry.publish(ecosystem, name, version, **more)
        other = name.replace("thing", "other")
        registry.publish(ecosystem, other, versions(ecosystem)[0])
    async with registry.running():
        yield registry


@pytest.fixture
async def door(fake: FakeRegistry) -> AsyncIterator[Callable[..., Registries]]:
    """Opens doors to the fake registry; keywords go to `build`."""
    opened: list[Registries] = []

    def open_door(**more: Any) -> Registries:
        opened.append(build(fake.places(), **{"document_s": 5.0, "rate": 10_000, "slow": 10_000, **more}))
        return opened[-1]

    yield open_door
    for one in opened:
        await one.close()


@pytest.fixture
def registries(door: Callable[..., Registries]) -> Registries:
    return door()
