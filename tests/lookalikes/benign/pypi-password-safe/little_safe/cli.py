import getpass
import sys
import threading
from pathlib import Path

import pyperclip

from .store import Safe


def main():
    safe = Safe(Path.home() / ".little-safe", getpass.getpass("Master password: "))
    if len(sys.argv) == 3 and sys.argv[1] == "add":
        safe.write({**safe.read(), sys.argv[2]: getpass.getpass("Password: ")})
    elif len(sys.argv) == 2:
        pyperclip.copy(safe.read()[sys.argv[1]])
        threading.Timer(20, lambda: pyperclip.copy("")).start()
