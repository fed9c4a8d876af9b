"""Disks that are full, or that the kernel made read-only."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.faults.scene import Broken, Scene, run, scene


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
    """The data folder's disk filled to the last byte, and freed again."""
    with small(700) as (place, _), scene(data=place / "data") as here:
        with here.traffic(size=20_000) as traffic:
            for _ in range(times):
                traffic.until(50)
                fill(place / "ballast")
                said = here.until_ready(503, within_s=60)
                here.note(f"/ready while full: {said.get('missing')}")
                time.sleep(3)
                (place / "ballast").unlink()
                here.until_ready(200)
                traffic.until(50)
            here.note(f"answers: {dict(sorted(traffic.tries.items(), key=str))}")
            here.judge(traffic)
        return here


def fill(ballast: Path) -> None:
    """Write until the disk takes no more."""
    with ballast.open("wb", buffering=0) as file:
        size = 1 << 20
        while size >= 512:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2


def read_only(times: int) -> Scene:
    """ext4 made read-only under the running server (as after a fault of the disk), mounted and started anew."""
    with small(700) as (place, image):
        last: Scene | None = None
        for _ in range(times):
            with scene(data=place / "data") as here:
                with here.traffic() as traffic:
                    traffic.until(100)
                    run("mount", "-o", "remount,abort", str(place))
                    here.note(f"/ready while read-only: {here.until_ready(503).get('missing')}")
                    time.sleep(2)
                    here.product.kill()
                    run("umount", "--lazy", str(place))
                    time.sleep(1)
                    run("fsck.ext4", "-p", str(image), check_status=False)
                    run("mount", "-o", "loop", str(image), str(place))
                    here.product.start(60)
                    here.judge(traffic)
                last = here
        if last is None:
            raise Broken("nothing was tried")
        return last
