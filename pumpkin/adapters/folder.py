"""The data folder: claimed by one server at a time, holding the installation's keys and the word that it is ready."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pumpkin.errors import StartError, StartRefused
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.checkpoint import LogKey, VerifierKey
from pumpkin.evidence.orders import FleetKey

SEEN = "log-seen.json"
UNFINISHED = "restore.part"
VAULT_BYTES = 32
_VAULT_FORM = "64 hexadecimal digits"

T = TypeVar("T")


def _read(path: Path, form: str, load: Callable[[], T]) -> T:
    """What `load` makes of a file. StartError, one sentence, where it is not of that form, or not readable."""
    try:
        return load()
    except OSError as error:
        raise StartRefused(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:100]
        raise StartRefused(
            f"{path} is not {form} ({said}); put the right one back, from a backup or another node."
        ) from None


class DataFolder:
    """One folder of state. `claim` it to run a server on it; keys are made at first use and kept at 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def node(self) -> str:
        """This installation's name among all on one database: the same after a restart, as a folder is claimed by
        one."""
        where = f"{socket.gethostname()}\n{self.path}"
        return f"{socket.gethostname()[:60]}-{sha256(where.encode()).hexdigest()[:12]}"

    def claim(self, *, restoring: bool = False) -> None:
        """Make the folder and take its lock. StartError, one sentence, when it cannot be ours, or holds no more than
        half a restore (which only another one may take)."""
        try:
            self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"The data folder {self.path} cannot be used: {error.strerror}.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise StartError(
                f"Another Pumpkin runs on the data folder {self.path}; stop it first, or give --data another folder."
            ) from None
        self._lock = lock
        if not restoring and (self.path / UNFINISHED).exists():
            self.release()
            raise StartRefused(
                f"A restore into {self.path} was cut off, and what lies there was not audited: give `pumpkin restore` "
                "again, which begins anew, or remove the folder."
            )

    def release(self) -> None:
        """Take back the ready word and let the folder go."""
        (self.path / "ready.json").unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def announce(self, facts: dict[str, Any]) -> None:
        """Write ready.json (rulings.md 18): it stands there exactly while the server serves."""
        self._write("ready.json", json.dumps(facts, indent=2).encode() + b"\n", 0o644)

    def log_key(self, origin: str) -> LogKey:
        """The log's signing key; `origin` names the log when the key is made, and must agree later where it is given.

        The public half is kept beside it, readable by all, for whoever is to verify. StartError, and nothing written,
        where a key was here and is gone or cannot be read.
        """
        name_file = self.path / "log-origin.txt"
        if not self.has("log-key.secret.pem"):
            self._not_lost()
            name = self._text("log-origin.txt") or origin or f"pumpkin.invalid/{secrets.token_hex(8)}"
            key = _read(name_file, "the name of a log", lambda: LogKey.generate(name))
            self._write("log-origin.txt", f"{name}\n".encode(), 0o644)
            self._write("log-key.secret.pem", key.pem, 0o600)
        name = self._origin()
        if origin and origin != name:
            raise StartRefused(f"The log here is called {name}; a log keeps its name, so set log.origin back to it.")
        secret = self.path / "log-key.secret.pem"
        key = _read(secret, "an Ed25519 key in PEM", lambda: LogKey.load(name, secret.read_bytes()))
        self._write("log-origin.txt", f"{name}\n".encode(), 0o644)
        self._write("log-key.pem", key.public_pem, 0o644)
        self._write("log-key.vkey", f"{key.vkey}\n".encode(), 0o644)
        return key

    def _not_lost(self) -> None:
        """StartError where a log was begun here and its secret key is gone. A start that was killed after it wrote the
        name only has lost nothing."""
        if not self.has("log-key.secret.pem") and (self.has(SEEN) or self.has("log-key.vkey")):
            raise StartRefused(
                f"{self.path / 'log-key.secret.pem'} is missing, and the log {self._origin()} was begun here: put the "
                "key back (another node or a backup has it). `pumpkin run --new-log` with an empty database begins "
                "another."
            )

    def _origin(self) -> str:
        """The log's name; where only log-origin.txt is lost, the public key beside it has it too."""
        name, vkey = self._text("log-origin.txt"), self._text("log-key.vkey")
        if not name and vkey:
            name = _read(self.path / "log-key.vkey", "a log's key", lambda: VerifierKey.parse(vkey).name)
        if not name:
            raise StartRefused(f"{self.path / 'log-origin.txt'} is missing: write the log's name into it.")
        return name

    def _text(self, name: str) -> str:
        path = self.path / name
        return _read(path, "text", lambda: path.read_text("utf-8").strip()) if path.exists() else ""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.path / name).exists()

    def seen(self) -> str | None:
        """What this folder has seen of its log, as `see` kept it; None where it has seen nothing."""
        return self._text(SEEN) or None

    def see(self, text: str) -> None:
        """Keep what this folder has seen of its log."""
        self._write(SEEN, f"{text}\n".encode(), 0o644)

    def forsake(self) -> None:
        """Put the log's key, name and what was seen of it into a folder of their own: another log begins here."""
        place = self.path / f"former-log-{secrets.token_hex(4)}"
        place.mkdir(mode=0o700)
        for path in sorted([*self.path.glob("log-key.*"), self.path / "log-origin.txt", self.path / SEEN]):
            if path.exists():
                path.rename(place / path.name)

    def faults(self) -> Iterator[str]:
        """A sentence on each key that is gone or cannot be read. Changes nothing."""
        tries: dict[str, tuple[str, Callable[[Path], object]]] = {
            ".": ("a folder", lambda _: self._not_lost()),
            "log-key.secret.pem": ("an Ed25519 key in PEM", lambda at: LogKey.load(self._origin(), at.read_bytes())),
            "fleet-key.secret.pem": ("an Ed25519 key in PEM", lambda at: FleetKey.load(at.read_bytes())),
            "log-vault.secret.key": (_VAULT_FORM, lambda _: self.vault_key()),
            "tsa-key.secret.pem": ("an authority's key in PEM", lambda _: self._authority()),
        }
        for name, (form, attempt) in tries.items():
            path = self.path / name
            try:
                if path.exists() and os.access(path, os.R_OK):
                    _read(path, form, lambda attempt=attempt, path=path: attempt(path))  # type: ignore[misc]
            except StartError as error:
                yield error.message

    def fleet_key(self) -> FleetKey:
        """The key that signs what probes are ordered to do; its public half stands in hex beside it."""
        secret = self.path / "fleet-key.secret.pem"
        if not secret.exists():
            self._write("fleet-key.secret.pem", FleetKey.generate().pem, 0o600)
        key = _read(secret, "an Ed25519 key in PEM", lambda: FleetKey.load(secret.read_bytes()))
        self._write("fleet-key.txt", f"{key.public}\n".encode(), 0o644)
        return key

    def prepare_fleet_key(self, key: FleetKey) -> None:
        """Keep the key that is to sign orders next; `adopt_fleet_key` puts it in force."""
        self._write("fleet-key.next.secret.pem", key.pem, 0o600)

    def adopt_fleet_key(self, public: str) -> FleetKey:
        """The fleet's key, the prepared one taking the place of the one before if it is `public` (hex): so a rotation
        that was cut off between the database and this folder is finished at the next start."""
        waiting = self.path / "fleet-key.next.secret.pem"
        if waiting.exists() and FleetKey.load(waiting.read_bytes()).public == public:
            waiting.rename(self.path / "fleet-key.secret.pem")
        return self.fleet_key()

    def authority(self, name: str) -> Authority:
        """The local time-stamp authority; its root's key was destroyed when it was made."""
        secret, chain = self.path / "tsa-key.secret.pem", self.path / "tsa-chain.pem"
        if not (secret.exists() and chain.exists()):
            made = Authority.create(name)
            key_pem, chain_pem = made.to_pem()
            self._write("tsa-chain.pem", chain_pem, 0o644)
            self._write("tsa-root.pem", made.root_pem, 0o644)
            self._write("tsa-key.secret.pem", key_pem, 0o600)
        return self._authority()

    def _authority(self) -> Authority:
        secret, chain = self.path / "tsa-key.secret.pem", self.path / "tsa-chain.pem"
        form = "an authority's key in PEM that fits tsa-chain.pem"
        return _read(secret, form, lambda: Authority.from_pem(secret.read_bytes(), chain.read_bytes()))

    def replace_log_key(self, key: LogKey) -> None:
        """Make this the log's key. The one before leaves its public half, under its id; its secret is overwritten."""
        old = LogKey.load(key.origin, (self.path / "log-key.secret.pem").read_bytes())
        self._write(f"log-key.{old.key_id.hex()}.vkey", f"{old.vkey}\n".encode(), 0o644)
        self._write(f"log-key.{old.key_id.hex()}.pem", old.public_pem, 0o644)
        self._write("log-key.secret.pem", key.pem, 0o600)
        self.log_key(key.origin)

    def replace_authority(self, name: str, *, trusted: bool) -> Authority:
        """A new local authority in the old one's place, whose key is overwritten and whose root is kept; with `trusted`
        that root stays among those that may be given to verifiers (`tsa-root.pem`)."""
        old = Authority.from_pem(
            *(self.path.joinpath(one).read_bytes() for one in ("tsa-key.secret.pem", "tsa-chain.pem"))
        )
        made = Authority.create(name)
        key_pem, chain_pem = made.to_pem()
        self._write(f"tsa-root.{sha256(old.chain[-1]).hexdigest()[:16]}.pem", old.root_pem, 0o644)
        roots = (self.path / "tsa-root.pem").read_bytes() if trusted else b""
        self._write("tsa-key.secret.pem", key_pem, 0o600)
        self._write("tsa-chain.pem", chain_pem, 0o644)
        self._write("tsa-root.pem", made.root_pem + roots, 0o644)
        return made

    def vault_key(self) -> bytes:
        """The key that secrets in the database are closed under (32 bytes), made where there is none. It is one of the
        installation's keys: every node has the same."""
        self.once("log-vault.secret.key", lambda: secrets.token_hex(32))
        path = self.path / "log-vault.secret.key"
        key = _read(path, _VAULT_FORM, lambda: bytes.fromhex(path.read_text("ascii").strip()))
        if len(key) != VAULT_BYTES:
            raise StartRefused(f"{path} is not {_VAULT_FORM}; put the right one back.")
        return key

    def has_vault_key(self) -> bool:
        """Whether `vault_key` would find one."""
        return self.has("log-vault.secret.key")

    def former_roots(self) -> list[bytes]:
        """The roots (PEM) of local authorities that were replaced."""
        return [path.read_bytes() for path in sorted(self.path.glob("tsa-root.*.pem"))]

    def once(self, name: str, make: Callable[[], str]) -> str | None:
        """The text of a file made now at 0600, or None when it had been made before."""
        if (self.path / name).exists():
            return None
        text = make()
        self._write(name, f"{text}\n".encode(), 0o600)
        return text

    def _write(self, name: str, content: bytes, mode: int) -> None:
        """Whole or not at all, and never wider than `mode`, even for a moment."""
        part = self.path / f".{name}.{os.getpid()}"
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.rename(self.path / name)
        except OSError as error:
            raise StartError(f"{self.path / name} cannot be written: {error.strerror}.") from None
