"""The sandbox image: made from the Containerfile and the runner, tagged by the hash of what goes in."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiodocker import Docker
from aiodocker.exceptions import DockerError

from pumpkin.adapters.engines.faults import BuildFailed, EngineError, NoImage, translated

NAME = "pumpkin-sandbox"
LABEL = "org.pumpkin.image"
KIND = f"{LABEL}.kind"  # of what recipe it is, whatever stood in the files
BUILD_S = 1800.0
RUNNER = Path(__file__).parents[2] / "runner"
TOOL_CHAINS: Mapping[str, tuple[str, ...]] = {
    "rubygems": ("make", "ruby"),
    "crates": ("cargo-web", "gcc", "libc6-dev"),
    "packagist": ("composer", "php-cli", "unzip"),
    "maven": ("openjdk-17-jdk-headless",),
}  # Debian's packages; Wolfi has none there
Progress = Callable[[str], None]


def containerfile() -> Path:
    """The Containerfile: beside the package in a wheel, beside its parent in a checkout."""
    for folder in (RUNNER.parent, RUNNER.parent.parent):
        if (folder / "Containerfile").exists():
            return folder / "Containerfile"
    raise NoImage("the Containerfile is not installed with this copy of Pumpkin")


def authorities() -> bytes:
    """Certificates the build trusts besides the base's own: those of SSL_CERT_FILE, where this machine has set it."""
    path = os.environ.get("SSL_CERT_FILE", "")
    return Path(path).read_bytes() if path and Path(path).is_file() else b""


@dataclass(frozen=True)
class Recipe:
    """What an image is built from. `base` empty means whatever Debian 12 can be had, else a name the engine knows;
    `ecosystems` whose tool chains come in besides PyPI's and npm's; `ca` PEM trusted while building only."""

    base: str = ""
    ecosystems: tuple[str, ...] = ()
    ca: bytes = field(default_factory=authorities, repr=False)
    network: str = "host"

    @property
    def packages(self) -> list[str]:
        """What is to be installed for its ecosystems."""
        return sorted({package for name in self.ecosystems for package in TOOL_CHAINS[name]})

    def tag(self) -> str:
        """`pumpkin-sandbox:<hash>`: the same inputs give the same tag on every engine; certificates do not count."""
        digest = hashlib.sha256()
        for name, content in _files():
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        digest.update(self._arguments)
        return f"{NAME}:{digest.hexdigest()[:16]}"

    @property
    def kind(self) -> str:
        """The same for all images that an earlier or later Pumpkin makes from these settings."""
        return hashlib.sha256(self._arguments).hexdigest()[:16]

    @property
    def _arguments(self) -> bytes:
        return json.dumps([self.base, self.packages]).encode()

    def context(self) -> bytes:
        """The build context, a tar archive without times or owners."""
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            for name, content in [*_files(), ("ca/extra.pem", self.ca)]:
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o644
                tar.addfile(info, io.BytesIO(content))
        return made.getvalue()


def _files() -> list[tuple[str, bytes]]:
    found = [("Containerfile", containerfile().read_bytes())]
    for path in sorted(RUNNER.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".js", ".rb", ".php", ".java"):
            found.append((f"runner/{path.relative_to(RUNNER)}", path.read_bytes()))
    return found


async def present(docker: Docker, tag: str) -> str | None:
    """The image's id (sha256:...) where the engine has it."""
    try:
        async with translated("looking for the image"):
            shown = await docker.images.inspect(tag)
    except Exception as error:
        if isinstance(error.__cause__, DockerError) and error.__cause__.status == 404:
            return None
        raise
    return str(shown["Id"])


async def build(docker: Docker, recipe: Recipe, tag: str, kind: str, progress: Progress = lambda _: None) -> None:
    """Build the image and tag it. Raises BuildFailed with the last lines of the build."""
    last = ""
    arguments = {"BASE_IMAGE": recipe.base} if recipe.base else {}
    if recipe.packages:
        arguments["ECOSYSTEM_PACKAGES"] = " ".join(recipe.packages)
    params = {
        "t": tag,
        "target": "sandbox",
        "dockerfile": "Containerfile",
        "rm": "true",
        "forcerm": "true",
        "networkmode": recipe.network,
        "buildargs": json.dumps(arguments),
        "labels": json.dumps({LABEL: "sandbox", KIND: kind}),
    }
    async with translated("building the sandbox image", missing=BuildFailed):
        async for line in _lines(docker, params, recipe.context()):
            if line.startswith("error: "):
                raise BuildFailed(f"{line[7:]} ({last})"[:1000])
            if line.strip():
                last = line.strip()[:300]
                progress(last)


async def sweep(docker: Docker, keep: str, kind: str) -> list[str]:
    """Remove images of `kind` that `keep` has taken the place of and no container uses; their tags."""
    removed = []
    async with translated("looking for images that are no longer used"):
        found = await docker.images.list(filters={"label": [f"{KIND}={kind}"]})
    for tag in (tag for image in found for tag in image.get("RepoTags") or ()):
        if tag.rpartition("/")[2].startswith(f"{NAME}:") and not tag.endswith(keep):
            with contextlib.suppress(EngineError):  # a container of another installation may use it: 409
                async with translated("removing an image"):
                    await docker.images.delete(tag)
                removed.append(tag)
    return removed


async def _lines(docker: Docker, params: dict[str, str], context: bytes) -> AsyncIterator[str]:
    # aiodocker's own build() knows neither `target` nor `networkmode`
    async with docker._query(
        "build", "POST", params=params, data=context, headers={"content-type": "application/x-tar"}, timeout=None
    ) as response:
        async for raw in response.content:
            if not raw.strip():
                continue
            said = json.loads(raw)
            if "error" in said:
                yield f"error: {said['error']}"
            yield str(said.get("stream") or said.get("status") or "")
