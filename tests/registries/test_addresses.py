"""Where PyPI and npm are: as pip and npm are configured, else as a library knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from yarl import URL

from pumpkin.adapters.registries.addresses import authority_file, npm_registry, pypi_index
from pumpkin.adapters.registries.build import Places, build


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment whose home is empty."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CONFIG_DIRS": str(tmp_path / "no")}


def test_pips_own_configuration_says_where_the_index_is(home: dict[str, str], tmp_path: Path) -> None:
    assert pypi_index({**home, "PIP_INDEX_URL": "https://mirror.example/simple/"}) == "https://mirror.example/simple"
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://other.example/root/simple\ncert = " + str(file), "utf-8")
    named = {**home, "PIP_CONFIG_FILE": str(file)}
    assert pypi_index(named) == "https://other.example/root/simple"
    assert authority_file(named) == str(file)


def test_npms_own_configuration_says_where_the_registry_is(home: dict[str, str], tmp_path: Path) -> None:
    assert npm_registry({**home, "npm_config_registry": "https://mirror.example/npm/"}) == "https://mirror.example/npm"
    (tmp_path / ".npmrc").write_text("audit=false\nregistry = https://other.example/npm/\n", "utf-8")
    assert npm_registry(home) == "https://other.example/npm"


def test_where_nothing_is_configured_a_library_knows(home: dict[str, str]) -> None:
    for address in (pypi_index({**home, "PIP_CONFIG_FILE": "/dev/null"}), npm_registry(home)):
        assert URL(address).scheme == "https"
        assert URL(address).host


async def test_a_password_in_an_address_becomes_a_header_and_leaves_the_address() -> None:
    registries = build(Places(pypi="https://who:word@mirror.example/simple", npm="https://mirror.example/npm"))
    assert registries.of("pypi").url == "https://mirror.example/simple"
    assert registries.fetcher._credentials(URL("https://mirror.example/simple/x/"))["Authorization"].startswith(
        "Basic "
    )
    assert registries.fetcher._credentials(URL("https://files.example/x")) == {}
    await registries.close()
