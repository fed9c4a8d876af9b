"""The image's own life: what takes the place of what, and what is left alone."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiodocker import Docker

from pumpkin.adapters.engine import Engine, EngineSettings, Recipe
from pumpkin.adapters.engines import image

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def docker(engine_settings: EngineSettings) -> AsyncIterator[Docker]:
    client = Docker(url=engine_settings.address)
    yield client
    await client.close()


async def made(docker: Docker, base: str, tag: str, kind: str) -> None:
    """An image like `base` under another tag, marked as of `kind`."""
    container = await docker.containers.create({"Image": base, "Cmd": ["offline"]})
    repository, _, name = tag.partition(":")
    await container.commit(repository=repository, tag=name, changes=[f'LABEL {image.KIND}="{kind}"'])
    await container.delete()


async def test_an_image_goes_when_another_has_taken_its_place(engine_settings: EngineSettings, docker: Docker) -> None:
    base, kind, mark = Engine(engine_settings).tag, uuid.uuid4().hex[:16], uuid.uuid4().hex[:8]
    old, used, new, other, foreign = (f"{image.NAME}:{name}-{mark}" for name in ("old", "used", "new", "other", "x"))
    foreign = f"somebody-{foreign}"
    for tag in (old, used, new, foreign):
        await made(docker, base, tag, f"{kind}")
    await made(docker, base, other, f"{kind}-other")
    holder = await docker.containers.create({"Image": used, "Cmd": ["offline"]})
    try:
        assert await image.sweep(docker, new, kind) == [old]
        left = {tag for tag in (old, used, new, other, foreign) if await image.present(docker, tag)}
        assert left == {used, new, other, foreign}
        await holder.delete()
        assert await image.sweep(docker, new, kind) == [used]
    finally:
        for tag in (old, used, new, other, foreign):
            if await image.present(docker, tag):
                await docker.images.delete(tag, force=True)
    assert await image.present(docker, base), "what others are made of stays"


async def test_the_kind_of_an_image_is_its_recipes() -> None:
    plain = Recipe(ecosystems=("rubygems",))
    assert plain.kind == replace(plain, ca=b"another").kind
    assert plain.kind != Recipe(ecosystems=("crates",)).kind
    await asyncio.sleep(0)
