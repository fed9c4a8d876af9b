import base64
import hashlib
import json
import os
from pathlib import Path

from cryptography.fernet import Fernet


class Safe:
    """One encrypted file of names and passwords."""

    def __init__(self, path: Path, master: str):
        self.path = path
        self.salt = path.read_bytes()[:16] if path.exists() else os.urandom(16)
        key = hashlib.scrypt(master.encode(), salt=self.salt, n=2**14, r=8, p=1, dklen=32)
        self._box = Fernet(base64.urlsafe_b64encode(key))

    def read(self) -> dict:
        return json.loads(self._box.decrypt(self.path.read_bytes()[16:])) if self.path.exists() else {}

    def write(self, entries: dict) -> None:
        self.path.write_bytes(self.salt + self._box.encrypt(json.dumps(entries).encode()))
        self.path.chmod(0o600)
