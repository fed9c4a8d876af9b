"""Each registry in its true shape: versions, releases with digests, metadata, files, feeds, advisories."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pumpkin.adapters.registries import Registries
from pumpkin.errors import PackageNotFound, Unavailable, UnsupportedEcosystem
from pumpkin.model.purl import Purl
from tests.registries.conftest import NAMES, PURLS, versions
from tests.registries.fake import FakeRegistry

Door = Callable[..., Registries]


@pytest.mark.parametrize("text", PURLS)
async def test_all_versions_are_listed_and_the_latest_is_no_prerelease(registries: Registries, text: str) -> None:
    purl = Purl.package(text)
    found = await registries.versions(purl)
    assert sorted(found.numbers) == sorted(versions(purl.type))
    assert [v.number for v in found.versions if v.prerelease] == [versions(purl.type)[2]]
    # Maven Central's own metadata says what is released; the others are ordered by us.
    assert found.latest == versions(purl.type)[2 if purl.type == "maven" else 1]
    assert found.purl == purl
    assert not found.stale


@pytest.mark.parametrize("text", PURLS)
async def test_a_release_has_its_files_and_they_are_fetched_with_their_digests(
    registries: Registries, fake: FakeRegistry, text: str, tmp_path: Path
) -> None:
    purl = Purl.package(text).at(versions(Purl.package(text).type)[1])
    release = await registries.resolve(purl)
    assert release.purl == purl
    assert release.chosen
    assert release.digest_key
    published = next(v for v in fake._published[purl.type, NAMES[purl.type]] if v.version == purl.version)
    for artifact in release.chosen:
        fetched = await registries.fetch(artifact, tmp_path)
        data = fetched.path.read_bytes()
        assert data == published.files[artifact.filename]
        assert fetched.path.parent == tmp_path
        assert fetched.sha256 == hashlib.sha256(data).hexdigest()
        assert fetched.verified


@pytest.mark.parametrize("text", PURLS)
async def test_the_latest_is_resolved_where_no_version_is_given(registries: Registries, text: str) -> None:
    release = await registries.resolve(Purl.package(text))
    assert release.version == (await registries.versions(Purl.package(text))).latest


@pytest.mark.parametrize("text", PURLS)
async def test_metadata_is_in_our_words(registries: Registries, text: str) -> None:
    purl = Purl.package(text)
    about = await registries.metadata(purl.at(versions(purl.type)[1]))
    assert about["name"] == purl.full_name
    assert about["version"] == versions(purl.type)[1]
    assert about["licence"] == "MIT"
    assert "forge.example/thing" in (about.get("repository") or about.get("home_page"))
    assert about["dependencies"]


@pytest.mark.parametrize("text", PURLS)
async def test_what_a_registry_does_not_know_is_not_found(registries: Registries, text: str) -> None:
    purl = Purl.package(text)
    with pytest.raises(PackageNotFound):
        await registries.resolve(purl.at("99.9.9"))
    with pytest.raises(PackageNotFound):
        await registries.versions(Purl.package(text.replace("thing", "absent")))


async def test_an_index_without_json_is_read_as_a_mirrors_page(registries: Registries, fake: FakeRegistry) -> None:
    fake.html = True
    release = await registries.resolve(Purl.package("pkg:pypi/thing@1.1.0"))
    assert [artifact.filename for artifact in release.chosen] == ["thing-1.1.0.tar.gz", "thing-1.1.0-py3-none-any.whl"]
    assert all(artifact.digests["sha256"] for artifact in release.artifacts)
    assert release.published is not None


async def test_a_yanked_version_is_not_the_latest(registries: Registries, fake: FakeRegistry) -> None:
    fake.publish("pypi", "thing", "1.2.0", yanked=True)
    fake.publish("cargo", "thing", "1.2.0", yanked=True)
    for text in ("pkg:pypi/thing", "pkg:cargo/thing"):
        found = await registries.versions(Purl.package(text))
        assert found.latest == "1.1.0"
        assert next(v for v in found.versions if v.number == "1.2.0").yanked
        assert (await registries.resolve(Purl.package(f"{text}@1.2.0"))).yanked


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("pkg:pypi/thing@1.1", "1.1.0"),
        ("pkg:pypi/thing@1.1.0.0", "1.1.0"),
        ("pkg:composer/vendor/thing@v1.1.0", "1.1.0"),
    ],
)
async def test_a_version_written_otherwise_is_the_published_one(
    registries: Registries, text: str, published: str
) -> None:
    assert (await registries.resolve(Purl.package(text))).version == published


async def test_npms_install_scripts_are_told(registries: Registries) -> None:
    about = await registries.metadata(Purl.package("pkg:npm/%40scope/thing@1.1.0"))
    assert about["install_scripts"] == {"postinstall": "node setup.js"}


async def test_a_gems_platform_is_chosen_by_qualifier(registries: Registries, fake: FakeRegistry) -> None:
    files = {"thing-3.0.0.gem": b"ruby", "thing-3.0.0-java.gem": b"java"}
    fake.publish("gem", "thing", "3.0.0", files=files)
    release = await registries.resolve(Purl.package("pkg:gem/thing@3.0.0?platform=java"))
    assert [artifact.filename for artifact in release.chosen] == ["thing-3.0.0-java.gem"]
    assert len(release.artifacts) == 2
    plain = await registries.resolve(Purl.package("pkg:gem/thing@3.0.0"))
    assert [artifact.filename for artifact in plain.chosen] == ["thing-3.0.0.gem"]


async def test_what_is_minified_away_is_unset(registries: Registries, fake: FakeRegistry) -> None:
    fake.publish("composer", "vendor/thing", "0.1.0", extra={"abandoned": True})
    fake._published["composer", "vendor/thing"].sort(key=lambda one: one.version)
    found = await registries.versions(Purl.package("pkg:composer/vendor/thing"))
    assert {v.number: v.yanked for v in found.versions} == {
        "0.1.0": True,
        "1.0.0": False,
        "1.1.0": False,
        "2.0.0-beta1": False,
    }


async def test_crates_are_one_whatever_the_case_and_dash(registries: Registries, fake: FakeRegistry) -> None:
    fake.publish("cargo", "some_crate", "1.0.0")
    fake._published["cargo", "some-crate"] = fake._published["cargo", "some_crate"]
    release = await registries.resolve(Purl.package("pkg:cargo/Some-crate"))
    assert release.chosen[0].filename == "some_crate-1.0.0.crate"


@pytest.mark.parametrize("ecosystem", sorted(NAMES))
async def test_a_feed_tells_what_is_new(door: Door, fake: FakeRegistry, ecosystem: str) -> None:
    registries = door(fresh_s=0)
    _, cursor = await registries.new_releases(ecosystem, "")
    name = NAMES[ecosystem].replace("thing", "fresh")
    fake.publish(ecosystem, name, "3.0.0")
    releases, after = await registries.new_releases(ecosystem, cursor)
    if ecosystem == "maven":
        assert not releases
        return
    found = {release.purl.full_name: release.purl.version for release in releases}
    assert found[name] in ("3.0.0", None)
    assert (found[name] is None) is (ecosystem in ("npm", "composer"))
    again, _ = await registries.new_releases(ecosystem, after)
    if ecosystem in ("npm", "composer", "apk"):
        assert name not in {release.purl.full_name for release in again}


async def test_osv_knows_what_is_bad_over_all_its_pages(registries: Registries, fake: FakeRegistry) -> None:
    fake.advisories["pkg:pypi/thing@1.0.0"] = [
        {"id": "GHSA-1", "summary": "A hole", "aliases": ["CVE-2026-1"]},
        {"id": "MAL-2026-1", "summary": "Malicious code in thing", "published": "2026-01-31T09:00:00Z"},
    ]
    found = await registries.known_bad(Purl.package("pkg:pypi/thing@1.0.0"))
    assert [(one.id, one.malicious) for one in found] == [("MAL-2026-1", True), ("GHSA-1", False)]
    assert await registries.known_bad(Purl.package("pkg:pypi/other")) == ()
    with pytest.raises(Unavailable, match=r"No advisory database is configured"):
        await Registries(registries.fetcher, {}).known_bad(Purl.package("pkg:pypi/thing@1.0.0"))


async def test_an_ecosystem_without_a_registry_is_said(registries: Registries) -> None:
    with pytest.raises(UnsupportedEcosystem):
        registries.of("deb")
