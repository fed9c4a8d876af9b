"""A probe told to update itself: what it obeys, what it passes over, and what is started when a new version does not
come up. The whole way, with kit, digest and switch, is walked in tests/acceptance/test_updated.py."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pumpkin.adapters.https import HttpsWay
from pumpkin.adapters.orders import Orders
from pumpkin.adapters.releases import Releases, tag
from pumpkin.adapters.updating import ELSEWHERE, Updater
from pumpkin.errors import BadSignature, InvalidRequest, Unavailable
from pumpkin.evidence import orders
from pumpkin.evidence.orders import FleetKey
from pumpkin.model.updates import Update
from pumpkin.probes.spool import Spool
from pumpkin.settings import folder

ME = "roof@localhost"
DIGEST = "ab" * 32
UPDATE = Update(7, "0.2.0", {tag(): DIGEST})


def updater(spool: Spool, releases: Releases | None) -> Updater:
    way = HttpsWay(ME, "a password")
    return Updater(spool, way, releases, changed=lambda: None, restart=lambda: None)


async def test_an_update_is_obeyed_under_the_fleets_signature_only_and_never_an_older_one(tmp_path: Path) -> None:
    spool, key = await Spool.open(tmp_path / "spool.sqlite"), FleetKey.generate()
    mine = Orders(ME, key.public, (), spool, lambda *_: None)

    def order(version: int, update: Update) -> tuple[str, str]:
        document = {"agent": ME, "version": version, "jobs": [], "update": update.as_json()}
        return key.sign(orders.JOBS, document)

    first, second = order(1, UPDATE), order(2, Update(8, "0.3.0", {tag(): DIGEST}))
    with pytest.raises(BadSignature):
        await mine.take(first[0].replace(DIGEST, "cd" * 32), first[1])
    assert mine.update is None
    assert not mine.taken.is_set()
    await mine.take(*first)
    assert mine.update == UPDATE
    assert mine.taken.is_set()
    await mine.take(*second)
    with pytest.raises(InvalidRequest):
        await mine.take(*first)
    assert mine.update is not None
    assert mine.update.id == 8
    await spool.close()


async def test_a_probe_installed_by_other_means_says_so_once(tmp_path: Path) -> None:
    spool = await Spool.open(tmp_path / "spool.sqlite")
    one = updater(spool, None)
    await one.consider(UPDATE)
    assert one.state() == {"id": 7, "state": "failed", "said": ELSEWHERE}
    assert one.trouble == f"not updated: {ELSEWHERE}"
    again = updater(spool, Releases(tmp_path / "pumpkin", [], tmp_path / "data", []))
    await again.load()
    for tried in (
        UPDATE,
        Update(6, "0.1.0", {tag(): DIGEST}),
    ):  # the same telling, and an older one: no way is asked for
        await again.consider(tried)
        assert again.state() == {"id": 7, "state": "failed", "said": ELSEWHERE}
    (tmp_path / "data").mkdir()
    with pytest.raises(Unavailable):
        await again.consider(Update(8, "0.2.0", {tag(): DIGEST}))
    assert (again.state() or {})["state"] == "waiting"
    await again.consider(Update(9, "0.2.0", {"another-host": DIGEST}))
    assert "has no kit of 0.2.0" in again.trouble
    await spool.close()


def test_a_version_that_does_not_come_up_is_started_once(tmp_path: Path) -> None:
    text = (folder("templates") / "enroll.sh").read_text()
    made = re.search(r'cat >"\$home/pumpkin" <<SH\n.*?^SH$', text, re.MULTILINE | re.DOTALL)
    assert made is not None
    subprocess.run(["sh", "-euc", made[0].replace("    cat", "cat")], env={"home": str(tmp_path)}, check=True)
    update = tmp_path / "data" / "update"
    for name, does in (("release-line", "echo line"), ("data/update/release-new", "echo new; exit 1")):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "complete").touch()
        (tmp_path / name / "bin" / "python").write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name / "bin" / "python").chmod(0o755)
    (tmp_path / "current").symlink_to("release-line")

    def started() -> str:
        argv = ["sh", str(tmp_path / "pumpkin"), "probe"]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20).stdout.strip()

    assert started() == "line"
    (update / "next").symlink_to("release-new")
    assert [started(), started()] == ["new", "line"]
    (update / "tried").rename(update / "current")  # what a version does that was let in
    assert [started(), started()] == ["new", "new"]
