"""Disks that are full, or that the kernel made read-only."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.faults.invariants import ended_with
from scripts.faults.scene import Broken, Scene, run, scene
from scripts.faults.traffic import Traffic


@contextmanager
def small(mebibytes: int) -> Iterator[tuple[Path, Path]]:
    """A disk of its own: an image file with ext4, mounted; the mount point and the image."""
    with tempfile.TemporaryDirectory(prefix="pumpkin-disk-") as folder:
        image, place = Path(folder) / "image", Path(folder) / "disk"
        place.mkdir()
        run("truncate", "-s", f"{mebibytes}M", str(image))
        run("mkfs.ext4", "-q", "-m", "0", str(image))
        run("mount", "-o", "loop", str(image), str(place))
        place.chmod(0o755)
        try:
            yield place, image
        finally:
            run("umount", "--lazy", str(place))


def full(times: int) -> Scene:
    """The data folder's disk filled to the last byte, and freed again: without a reserve, so that PostgreSQL itself
    meets the end of it, and once more with the usual one, where checks are put off before that."""
    with_reserve = _filled(1, {})
    here = _filled(times, {"PUMPKIN_UPKEEP__RESERVE": "0"})
    here.notes += [f"with the usual reserve: {one}" for one in with_reserve.notes]
    return here


def _filled(times: int, environment: dict[str, str]) -> Scene:
    with small(700) as (place, _), scene(data=place / "data", environment=environment) as here:
        with here.traffic(size=200_000) as traffic:
            for _ in range(times):
                traffic.until(50)
                _until_nothing_passes(place / "ballast", traffic)
                here.note(f"/ready while full: {here.until_ready(503).get('missing')}")
                (place / "ballast").unlink()
                here.until_ready(200)
                traffic.until(50)
            here.note(f"answers: {dict(sorted(traffic.tries.items(), key=str))}")
            here.judge(traffic)
        return here


def _until_nothing_passes(ballast: Path, traffic: Traffic) -> None:
    """Fill until nothing is acknowledged any more: PostgreSQL goes on for a while in what it has, and frees some."""
    passed, deadline = -1, time.monotonic() + 90
    while len(traffic.acked) != passed:
        if time.monotonic() > deadline:
            raise Broken("checks are acknowledged that no disk has room for")
        passed = len(traffic.acked)
        for _ in range(6):
            fill(ballast)
            time.sleep(0.5)


def fill(ballast: Path) -> None:
    """Write until the disk takes no more, on from what was written before."""
    with ballast.open("ab", buffering=0) as file:
        size = 1 << 20
        while size >= 512:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2


def read_only(times: int) -> Scene:
    """ext4 made read-only under the running server (as after a fault of the disk), mounted and started anew."""
    with small(700) as (place, image), scene(data=place / "data") as here:
        with here.traffic() as traffic:
            for _ in range(times):
                traffic.until(100)
                run("mount", "-o", "remount,abort", str(place))
                here.note(f"/ready while read-only: {here.until_ready(503).get('missing')}")
                before = len(traffic.acked)
                time.sleep(2)
                if len(traffic.acked) != before:
                    raise Broken("checks were acknowledged that no disk took")
                here.product.kill()
                ended_with(place / "data")
                run("umount", str(place))
                run("fsck.ext4", "-p", str(image), check_status=False)
                run("mount", "-o", "loop", str(image), str(place))
                here.product.start(60)
                here.until_ready()
            here.judge(traffic)
        return here
