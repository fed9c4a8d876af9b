"""Package URLs against their specification's own suite, and against people who write them to do harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pumpkin.errors import InvalidPurl, UnsupportedEcosystem
from pumpkin.model.purl import ECOSYSTEMS, LENGTH_LIMIT, Purl, of_name

DATA = Path(__file__).parent / "data"
# Each stands in docs/purl.md with its reason.
DEVIATIONS = {
    "pkg:golang/github.com/nats-io/nats-server/v2/server@v1.2.9": {"namespace": "github.com/nats-io/nats-server/v2"},
    "pkg:deb/debian/libssl1.1@1.1.1n-0+deb10u3?arch=amd64&distro=debian-10": {
        "canonical_purl": "pkg:deb/debian/libssl1.1@1.1.1n-0%2Bdeb10u3?arch=amd64&distro=debian-10"
    },
}


def suite() -> list[Any]:
    cases = []
    for name in ("purl-suite.json", "purl-suite-js.json"):
        for number, case in enumerate(json.loads((DATA / name).read_text("utf-8"))):
            cases.append(pytest.param(case | DEVIATIONS.get(case["purl"], {}), id=f"{name}-{number}"))
    return cases


@pytest.mark.parametrize("case", suite())
def test_the_specifications_suite_is_read_as_it_says(case: dict[str, Any]) -> None:
    if case["is_invalid"]:
        with pytest.raises(InvalidPurl):
            Purl.parse(case["purl"])
        return
    purl = Purl.parse(case["purl"])
    found = purl.as_dict()
    for part in ("type", "namespace", "name", "version", "subpath"):
        assert found[part] == case[part]
    assert found["qualifiers"] == case["qualifiers"]
    assert purl.canonical == case["canonical_purl"]
    assert Purl.parse(purl.canonical) == purl


@pytest.mark.parametrize("case", suite())
def test_the_specifications_parts_build_its_canonical_form(case: dict[str, Any]) -> None:
    parts = {k: case[k] for k in ("type", "namespace", "name", "version", "qualifiers", "subpath")}
    if case["is_invalid"]:
        if parts["type"] and parts["name"] and parts["version"] != "1.4.0-$@":
            with pytest.raises(InvalidPurl):
                Purl.build(**parts)
        return
    assert Purl.build(**parts).canonical == case["canonical_purl"]


@pytest.mark.parametrize(
    ("text", "canonical", "name"),
    [
        ("pkg:pypi/Django_REST.framework@3.15", "pkg:pypi/django-rest-framework@3.15", "django-rest-framework"),
        ("pkg:npm/@babel/core@7.0.0", "pkg:npm/%40babel/core@7.0.0", "@babel/core"),
        ("pkg:npm/%40babel/core", "pkg:npm/%40babel/core", "@babel/core"),
        ("pkg:npm/JSONStream@1.3.5", "pkg:npm/JSONStream@1.3.5", "JSONStream"),
        ("pkg:rubygems/rails@8.0.2", "pkg:gem/rails@8.0.2", "rails"),
        ("pkg:gem/nokogiri@1.18.8?platform=java", "pkg:gem/nokogiri@1.18.8?platform=java", "nokogiri"),
        ("pkg:packagist/Symfony/Console@7.3.0", "pkg:composer/symfony/console@7.3.0", "symfony/console"),
        ("pkg:maven/org.example/lib@1.0", "pkg:maven/org.example/lib@1.0", "org.example:lib"),
        ("pkg:cargo/Serde_json@1.0.1", "pkg:cargo/Serde_json@1.0.1", "Serde_json"),
        ("pkg:apk/wolfi/libstdc++@14.2.0-r1", "pkg:apk/wolfi/libstdc%2B%2B@14.2.0-r1", "libstdc++"),
        ("pkg:apk/curl", "pkg:apk/wolfi/curl", "curl"),
        ("PKG:PyPI/requests", "pkg:pypi/requests", "requests"),
    ],
)
def test_each_ecosystem_has_its_canonical_form(text: str, canonical: str, name: str) -> None:
    purl = Purl.package(text)
    assert (purl.canonical, purl.full_name) == (canonical, name)
    assert of_name(purl.type, purl.full_name, purl.version).key == purl.key


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("pkg:pypi/a@1?file_name=a.whl&repository_url=https://x.example#sub", "pkg:pypi/a@1"),
        ("pkg:gem/a@1?platform=java&x=y", "pkg:gem/a@1?platform=java"),
        ("pkg:gem/a@1?platform=ruby", "pkg:gem/a@1"),
        ("pkg:maven/g/a@1?type=jar", "pkg:maven/g/a@1"),
        ("pkg:maven/g/a@1?classifier=x86&type=dll", "pkg:maven/g/a@1?classifier=x86&type=dll"),
    ],
)
def test_equal_packages_are_equal_whatever_else_a_purl_says(text: str, selected: str) -> None:
    assert Purl.package(text).selected().canonical == selected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "pypi/django",
        "pkg:",
        "pkg:pypi",
        "pkg:pypi/",
        "pkg:pypi/@1.0",
        "pkg:pypi/django@",
        "pkg:pypi/..%2F..%2Fetc%2Fpasswd@1.0",
        "pkg:pypi/django@..%2F..%2Fetc",
        "pkg:pypi/django@../../etc",
        "pkg:npm/..%2Fsecret",
        "pkg:npm/%2e%2e/x",
        "pkg:pypi/django%00@1.0",
        "pkg:pypi/django\n@1.0",
        "pkg:pypi/django@1.0\n",
        "pkg:pypi/django%0A@1.0",
        "pkg:pypi/django;rm -rf@1.0",
        "pkg:pypi/django@1.0;id",
        "pkg:pypi/$(id)",
        "pkg:pypi/--index-url=x",
        "pkg:npm/a/b",
        "pkg:npm/@a/b/c",
        "pkg:pypi/dj\u0430ngo",
        "pkg:pypi/\u212aeras",
        "pkg:pypi/dj%D0%B0ngo",
        "pkg:pypi/django\u202e@1.0",
        "pkg:pypi/dja\u200bngo",
        "pkg:pypi/django%zz",
        "pkg:pypi/django%ff",
        "pkg:pypi/django?a=1&a=2",
        "pkg:pypi/django?a",
        "pkg:pypi/django?%61=1",
        "pkg:pypi/" + "a" * 10_000,
        "pkg:pypi/ns/django",
        "pkg:maven/lib@1.0",
        "pkg:maven/../lib@1.0",
        "pkg:composer/console@1.0",
        "pkg:cargo/serde/json",
        "pkg:apk/wolfi/a\\b",
        "pkg:pypi/django@1.0\ud800",
    ],
)
def test_hostile_purls_are_refused_with_a_code(text: str) -> None:
    with pytest.raises(InvalidPurl) as refused:
        Purl.package(text)
    assert (refused.value.status, refused.value.code) == (400, "invalid_purl")
    assert len(refused.value.message) < 300
    assert refused.value.message.isprintable()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("pkg:generic/a@1?checksum=sha1:ad95,sha256:41bf", "pkg:generic/a@1?checksum=sha1:ad95%2Csha256:41bf"),
        ("pkg:maven/g/a@1?repositorY_url=https://repo.example/r", "pkg:maven/g/a@1?repository_url=https://repo.example/r"),
        ("pkg:deb/debian/attr@1:2.4.47-2+b1?arch=amd64", "pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64"),
        ("pkg:npm/p@1?vcs_url=git://host.example/r.git%4043", "pkg:npm/p@1?vcs_url=git://host.example/r.git%4043"),
        ("pkg:npm/foo@1.0.0#src/%F0%9F%98%83/./../file.js", "pkg:npm/foo@1.0.0#src/%F0%9F%98%83/file.js"),
        ("pkg:pypi/My.PyPI_.--._Package@1.11.1.dev1", "pkg:pypi/my-pypi-package@1.11.1.dev1"),
        ("pkg:npm/foobar@1.2.3-alpha.1?a=&b=1", "pkg:npm/foobar@1.2.3-alpha.1?b=1"),
    ],
)  # fmt: skip
def test_points_the_newer_suite_settles(text: str, canonical: str) -> None:
    assert Purl.parse(text).canonical == canonical


@pytest.mark.parametrize("text", ["pkg%3Amaven/g/io", "pkg:n&g?inx/x@1", "pkg:3nginx/nginx@1", "pkg:nginx:a/nginx@1"])
def test_what_the_newer_suite_refuses(text: str) -> None:
    with pytest.raises(InvalidPurl):
        Purl.parse(text)


@pytest.mark.parametrize("text", ["pkg:deb/debian/curl@7.50.3-1", "pkg:apk/alpine/curl", "pkg:golang/a.example/b"])
def test_a_package_of_another_ecosystem_is_refused_by_name(text: str) -> None:
    Purl.parse(text)
    with pytest.raises(UnsupportedEcosystem):
        Purl.package(text)


@settings(deadline=None)
@given(st.text(max_size=300).map(lambda tail: "pkg:" + tail) | st.text(max_size=LENGTH_LIMIT + 10))
def test_any_text_is_a_purl_or_refused_and_canonical_forms_stay(text: str) -> None:
    try:
        purl = Purl.parse(text)
    except InvalidPurl:
        return
    assert purl.canonical.isascii()
    if len(purl.canonical) <= LENGTH_LIMIT:
        assert Purl.parse(purl.canonical) == purl


@settings(deadline=None)
@given(st.sampled_from(ECOSYSTEMS), st.text(max_size=40), st.text(max_size=20))
def test_a_package_that_is_accepted_can_make_no_path(ecosystem: str, name: str, version: str) -> None:
    try:
        purl = Purl.package(f"pkg:{ecosystem}/{name}@{version}")
    except (InvalidPurl, UnsupportedEcosystem):
        return
    for part in (*(purl.namespace or "x").split("/"), purl.name, purl.version or "x"):
        assert part not in ("", ".", "..")
        assert not set(part) & set('/\\;\n\r\0 $`"<>&|')
        assert part.isascii()
