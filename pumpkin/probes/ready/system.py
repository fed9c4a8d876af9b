"""Disk, memory and load of this machine."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import psutil


def measure(target: str) -> dict[str, Any]:
    """`target` is a path on the file system to look at."""
    disk, memory, swap = psutil.disk_usage(target or "/"), psutil.virtual_memory(), psutil.swap_memory()
    load, cores = psutil.getloadavg(), os.cpu_count() or 1
    return {
        "host": socket.gethostname(),
        "disk_path": target or "/",
        "disk_total": disk.total,
        "disk_free": disk.free,
        "disk_percent": disk.percent,
        "memory_total": memory.total,
        "memory_available": memory.available,
        "memory_percent": memory.percent,
        "swap_percent": swap.percent,
        "load_1": round(load[0], 3),
        "load_5": round(load[1], 3),
        "load_15": round(load[2], 3),
        "cores": cores,
        "load_per_core": round(load[0] / cores, 3),
        "uptime_s": round(time.time() - psutil.boot_time()),
        "processes": len(psutil.pids()),
    }
