"""A package is watched, its registry publishes a new version, and the running program analyses that by itself."""

from __future__ import annotations

import asyncio
import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

from tests.acceptance.product import Product
from tests.registries.fake import FakeRegistry


def wheel(name: str, version: str) -> dict[str, bytes]:
    """A wheel that is one, with next to nothing in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "VALUE = 1\n")
        folder = f"{name}-{version}.dist-info"
        archive.writestr(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{folder}/RECORD", "")
    return {f"{name}-{version}-py3-none-any.whl": buffer.getvalue()}


async def test_each_new_version_of_a_watched_package_is_analysed(tmp_path: Path) -> None:
    fake = FakeRegistry()
    fake.publish("pypi", "thing", "1.0", files=wheel("thing", "1.0"))
    async with fake.running():
        (tmp_path / "pumpkin.toml").write_text(
            f'[registries]\npypi = "{fake.base}/pypi/simple"\nosv = ""\npoll = 1\nfresh = 0\n'
            "[sandbox]\nenabled = false\n",
            "utf-8",
        )
        product = Product(tmp_path)
        await asyncio.to_thread(product.start)
        try:
            await _watch_and_publish(product, fake)
        finally:
            await asyncio.to_thread(product.stop)


async def _watch_and_publish(product: Product, fake: FakeRegistry) -> None:
    key = await asyncio.to_thread(product.key, "packages:read", "packages:write")

    async def get(path: str, **more: Any) -> Any:
        status, _, body = await asyncio.to_thread(product.request, path, key=key, **more)
        assert status in (200, 201), body
        return json.loads(body)["data"]

    watched = await get("/api/v1/watches", body={"purl": "pkg:pypi/thing", "priority": 3})
    await asyncio.to_thread(product.command, "watch", "add", "pkg:npm/@scope/*")
    names = product.data / "names.txt"
    names.write_text("Imported_Name\nother\n# a remark\nno name\n", "utf-8")
    await asyncio.to_thread(product.command, "catalogue", "import", "pypi", str(names))
    assert [one["name"] for one in (await get("/api/v1/packages/pypi/?q=imported"))["items"]] == ["imported-name"]
    assert "@scope/*" in await asyncio.to_thread(product.command, "watch", "list")

    async def history() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await get(f"/api/v1/watches/{watched['id']}"))["history"]
        return found

    end = time.monotonic() + 40
    while not (await get(f"/api/v1/watches/{watched['id']}"))["primed"]:
        assert time.monotonic() < end
        await asyncio.sleep(0.2)
    assert await history() == []
    fake.publish("pypi", "thing", "1.1", files=wheel("thing", "1.1"))
    while not await history():
        assert time.monotonic() < end, product.lines[-20:]
        await asyncio.sleep(0.2)
    (led,) = await history()
    assert led["version"] == "1.1"
    while (task := await get(f"/api/v1/task/{led['task']}/"))["status"] not in ("completed", "failed"):
        assert time.monotonic() < end, task
        await asyncio.sleep(0.2)
    assert (task["status"], task["purl"], task["priority"]) == ("completed", "pkg:pypi/thing@1.1", 3)
