"""What a builder signed is found where the registry names it, and fetched through the same door."""

from __future__ import annotations

import pytest

from pumpkin.adapters.registries import Registries
from pumpkin.errors import RegistryRefused
from pumpkin.model.packages import Artifact
from pumpkin.model.purl import Purl
from tests.registries.fake import FakeRegistry


@pytest.mark.parametrize(
    ("ecosystem", "name", "file"),
    [("pypi", "signed", "signed-1.0.0-py3-none-any.whl"), ("npm", "signed", "signed-1.0.0.tgz")],
)
async def test_a_statement_is_fetched_from_where_the_registry_names_it(
    fake: FakeRegistry, registries: Registries, ecosystem: str, name: str, file: str
) -> None:
    fake.publish(ecosystem, name, "1.0.0", files={file: b"the bytes"}, extra={"signed": file})
    release = await registries.resolve(Purl.parse(f"pkg:{ecosystem}/{name}@1.0.0"))
    assert release.artifacts[0].provenance.endswith(file)
    assert await registries.attestation(release.artifacts[0]) == b"the bytes"


async def test_none_named_and_one_that_is_gone_are_none(fake: FakeRegistry, registries: Registries) -> None:
    release = await registries.resolve(Purl.parse("pkg:pypi/thing@1.0.0"))
    assert (release.artifacts[0].provenance, await registries.attestation(release.artifacts[0])) == ("", b"")
    gone = Artifact(release.artifacts[0].url, "x", "wheel", provenance=f"{fake.base}/pypi/files/gone.whl")
    assert await registries.attestation(gone) == b""


async def test_an_address_inside_our_network_is_refused(registries: Registries) -> None:
    with pytest.raises(RegistryRefused):
        await registries.attestation(Artifact("", "x", "wheel", provenance="https://169.254.169.254/latest"))
