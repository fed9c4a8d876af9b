"""Where a container engine may answer: what is set, the environment, Docker's contexts, the usual sockets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_SOCKETS = ("/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock")


def addresses(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Candidate addresses in order of preference, each once; a socket only where one exists."""
    return list(dict.fromkeys(_candidates(environment)))


def _candidates(environment: Mapping[str, str]) -> Iterator[str]:
    for name in ("DOCKER_HOST", "CONTAINER_HOST"):
        if environment.get(name):
            yield environment[name]
    context = _context(environment)
    if context:
        yield context
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    user = (f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock") if runtime else ()
    seen: set[Path] = set()
    for path in (Path(one) for one in (*_SOCKETS, *user)):
        if path.is_socket() and path.resolve() not in seen:
            seen.add(path.resolve())
            yield f"unix://{path}"


def _context(environment: Mapping[str, str]) -> str | None:
    """The address of Docker's current context, where it is not the default one."""
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME", "/")) / ".docker")
    try:
        name = environment.get("DOCKER_CONTEXT") or json.loads((folder / "config.json").read_text()).get(
            "currentContext"
        )
        if not name or name == "default":
            return None
        for meta in (folder / "contexts/meta").glob("*/meta.json"):
            one = json.loads(meta.read_text())
            if one.get("Name") == name:
                return str(one["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None
