"""Parses ssh_config files."""
import fnmatch
import os


def parse(text):
    hosts, current = [], None
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, _, value = line.partition(" ")
        if key.lower() == "host":
            current = {"patterns": value.split(), "options": {}}
            hosts.append(current)
        elif current is not None:
            current["options"].setdefault(key.lower(), value.strip())
    return hosts


def lookup(host, path="~/.ssh/config"):
    with open(os.path.expanduser(path)) as file:
        blocks = parse(file.read())
    options = {}
    for block in blocks:
        if any(fnmatch.fnmatch(host, pattern) for pattern in block["patterns"]):
            for key, value in block["options"].items():
                options.setdefault(key, value)
    return options


def identity_file(host):
    return os.path.expanduser(lookup(host).get("identityfile", "~/.ssh/id_rsa"))
