"""A worker gives up what it does not need: other files, the network, programs, memory without bound."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

MEMORY_BYTES = 3 * 1024**3
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CLONE_NEWNET = 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of access to files each Landlock version can deny (landlock(7))."""

_libc = ctypes.CDLL(None, use_errno=True)


def confine(readable: Iterable[Path] = ()) -> list[str]:
    """Give up what can be given up, for good; returns what could not be, in words. Only `readable` and Python's own
    library can be read afterwards."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _limit()
    missing = []
    if _libc.unshare(_CLONE_NEWNET) != 0:
        missing.append("no network namespace of its own")
    if not _landlock([*_library(), *readable]):
        missing.append("no Landlock in this kernel")
    return missing


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _library() -> list[Path]:
    """Where Python's modules lie: some are imported late (encodings), and nothing secret is among them."""
    places = {sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    places |= {str(Path(os.__file__).parent), str(Path(__file__).parents[2])}
    return [Path(place) for place in sorted(places) if Path(place).is_dir()]


def _landlock(readable: list[Path]) -> bool:
    """Deny all access to files but reading below `readable`, and all TCP; False when the kernel cannot."""
    abi = _libc.syscall(_CREATE_RULESET, None, 0, 1)
    if abi < 1:
        return False
    files = (1 << _FS_BY_ABI.get(abi, 16)) - 1
    ruleset = struct.pack("=QQ", files, 3 if abi >= 4 else 0)[: 16 if abi >= 4 else 8]
    handle = _libc.syscall(_CREATE_RULESET, ruleset, len(ruleset), 0)
    if handle < 0:
        return False
    try:
        for place in readable:
            folder = os.open(place, os.O_PATH | os.O_CLOEXEC)
            try:
                rule = struct.pack("=Qi", _READ_FILE | _READ_DIR, folder)
                if _libc.syscall(_ADD_RULE, handle, 1, rule, 0) != 0:
                    return False
            finally:
                os.close(folder)
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return bool(_libc.syscall(_RESTRICT_SELF, handle, 0) == 0)
    finally:
        os.close(handle)


if sys.platform != "linux":  # pragma: no cover - the product runs on Linux
    raise ImportError("confinement needs Linux")
