"""The real PyPI and npm, through the index this machine is configured for, a handful of packages by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pumpkin.adapters.registries import Places, Registries, build
from pumpkin.errors import PackageNotFound
from pumpkin.model.purl import Purl


@pytest.fixture
async def registries() -> AsyncIterator[Registries]:
    opened = build(Places(), agent="pumpkin-tests")
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("text", "version", "licence"),
    [
        ("pkg:pypi/six", "1.17.0", "MIT"),
        ("pkg:pypi/packaging", "24.2", "Apache"),
        ("pkg:npm/is-odd", "3.0.1", "MIT"),
        ("pkg:npm/%40babel/core", "7.0.0", "MIT"),
        ("pkg:npm/JSONStream", "1.3.5", "MIT"),
    ],
)
async def test_versions_and_metadata_are_those_of_the_real_registry(
    registries: Registries, text: str, version: str, licence: str
) -> None:
    purl = Purl.package(text)
    found = await registries.versions(purl)
    assert version in found.numbers
    assert found.latest in found.numbers
    about = await registries.metadata(purl.at(found.latest))
    assert about["name"] == purl.full_name
    assert about["summary"]
    release = await registries.resolve(purl.at(version))
    assert release.chosen
    assert release.digest_key
    assert licence in (release.metadata.get("licence") or licence)


@pytest.mark.parametrize("text", ["pkg:pypi/six@1.17.0", "pkg:npm/is-odd@3.0.1"])
async def test_files_of_the_real_registry_have_their_digests(registries: Registries, text: str, tmp_path: Path) -> None:
    for artifact in (await registries.resolve(Purl.package(text))).chosen:
        fetched = await registries.fetch(artifact, tmp_path)
        assert fetched.verified
        assert fetched.size > 1_000


async def test_what_is_nowhere_is_not_found(registries: Registries) -> None:
    with pytest.raises(PackageNotFound):
        await registries.versions(Purl.package("pkg:pypi/pumpkin-no-such-package-0b1f"))
