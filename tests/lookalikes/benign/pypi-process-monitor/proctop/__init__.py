"""Processes in a table."""
import os
import platform
import socket
from pathlib import Path


def processes():
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                yield int(folder.name), (folder / "comm").read_text().strip(), (folder / "status").read_text()
            except OSError:
                continue


def virtual():
    """Whether this host says that it is a virtual machine."""
    try:
        return "hypervisor" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def main():
    print(platform.node(), socket.gethostname(), os.cpu_count(), "virtual" if virtual() else "bare")
    for pid, name, _ in sorted(processes()):
        print(f"{pid:>7} {name}")
