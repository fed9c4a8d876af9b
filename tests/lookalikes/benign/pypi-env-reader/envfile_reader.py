"""Reads .env files."""
import os
import re

LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$")


def find(start="."):
    folder = os.path.abspath(start)
    while True:
        path = os.path.join(folder, ".env")
        if os.path.isfile(path):
            return path
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def load(path=None, override=False):
    """Put the file's pairs into os.environ; what is there already stays unless `override`."""
    path = path or find()
    pairs = {}
    if path:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if match := LINE.match(line):
                    pairs[match[1]] = match[2].strip("'\"")
    for key, value in pairs.items():
        if override or key not in os.environ:
            os.environ[key] = value
    return pairs
