"""Whether the settings can work here: what the files they name, the parts installed and the environment say to them.

One judgement for `pumpkin config check`, `pumpkin doctor` and the start, so that they never disagree.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography import x509

from pumpkin import settings as configuration
from pumpkin.adapters.served_certificate import pair_fault, time_fault
from pumpkin.building import disclosed
from pumpkin.building.lookout import witness_key
from pumpkin.building.modules import check_one
from pumpkin.building.sandbox import certificates_of
from pumpkin.errors import StartError, StartRefused
from pumpkin.model.rules import InvalidRules
from pumpkin.model.rules import read as read_rules
from pumpkin.settings import Settings

OTHERS_READ, OTHERS_WRITE = 0o004, 0o002
log = structlog.get_logger("pumpkin.settings")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, in a sentence; whether it `stops` a start or is only told in the journal."""

    text: str
    stops: bool = True


def faults(settings: Settings) -> list[Fault]:
    """All that is wrong with settings that were read well; nothing is changed or asked over the network."""
    return [*_at_start(settings), *_modules(settings)]


def require(settings: Settings) -> None:
    """For the start: StartRefused, a sentence a line, for what stops it; the rest goes to the journal. Modules tell
    their faults themselves when they are built."""
    found = _at_start(settings)
    if stopping := [one.text for one in found if one.stops]:
        raise StartRefused("\n".join(stopping))
    for text in [one.text for one in found] + permissions(settings, configuration.file_of(settings.data)):
        log.warning("settings", said=text)


def quorum_fault(settings: Settings, added: int) -> str:
    """That no check can ever count as stamped, for want of authorities: those of the settings, the local one where one
    is enough, and `added` by `pumpkin tsa add`. Empty where there are enough."""
    counted = len(settings.authorities) + added + (settings.local_authority and settings.quorum == 1)
    if counted >= settings.quorum:
        return ""
    own = "" if settings.quorum == 1 else " (the local one does not count where more than one is required)"
    return (
        f"quorum is {settings.quorum}, and there are {counted} authorities{own}: no check counts as stamped until "
        "`pumpkin tsa add` or the settings bring more, or quorum is less."
    )


def permissions(settings: Settings, file: Path) -> list[str]:
    """A sentence on each file of the settings that others may read or write and should not."""
    found = []
    secret = file.is_file() and any(
        value == disclosed.HIDDEN and source == "file" for _, value, source in disclosed.rows(settings, file)
    )
    for path, why, kept in (
        (file, "it holds secrets", secret),
        (settings.certificate_key, "it is a private key", True),
    ):
        try:
            mode = path.stat().st_mode if path is not None else 0
        except OSError:
            continue
        if mode & OTHERS_WRITE:
            found.append(f"Everybody may write {path}; run: chmod o-rwx {path}")
        elif mode & OTHERS_READ and kept:
            found.append(f"Everybody may read {path}, and {why}; run: chmod o-rwx {path}")
    return found


def _at_start(settings: Settings) -> list[Fault]:
    parts: tuple[Callable[[Settings], Iterator[Fault]], ...] = (_certificate, _authorities, _parts, _files, _room)
    return [*(fault for part in parts for fault in part(settings)), *_environment()]


def _certificate(settings: Settings) -> Iterator[Fault]:
    if settings.certificate is None or settings.tls == "off":
        return
    chain, key = settings.certificate, settings.certificate_key or settings.certificate
    if text := pair_fault(chain, key):
        yield Fault(f"HTTPS cannot be served: {text}.")
    elif text := time_fault(chain, time.time()):
        yield Fault(f"{text}; browsers and probes will refuse it.", stops=False)


def _authorities(settings: Settings) -> Iterator[Fault]:
    for authority in settings.authorities:
        for root in authority.roots:
            try:
                x509.load_pem_x509_certificates(root.read_bytes())
            except OSError as error:
                yield Fault(f"The root {root} of the authority {authority.name} cannot be read: {error.strerror}.")
            except ValueError:
                yield Fault(f"The root {root} of the authority {authority.name} holds no certificate in PEM.")


def _parts(settings: Settings) -> Iterator[Fault]:
    if settings.telemetry and not _installed("opentelemetry.exporter.otlp.proto.http"):
        yield Fault("The setting telemetry needs the extra of that name: install pumpkin[telemetry].")
    if settings.openid.issuer:
        from pumpkin.adapters.openid import check_issuer  # 2 MB for those who use it

        yield from _tried(lambda: check_issuer(settings.openid.issuer))
    for witness in settings.log.witnesses:
        yield from _tried(lambda one=witness: witness_key(one))  # type: ignore[misc]
    for engine in settings.sandbox.engines:
        yield from _tried(lambda one=engine: certificates_of(one))  # type: ignore[misc]


def _files(settings: Settings) -> Iterator[Fault]:
    if settings.packages.trust_root:
        try:
            json.loads(Path(settings.packages.trust_root).read_bytes())
        except OSError as error:
            yield Fault(f"The setting packages.trust_root cannot be read: {error.strerror}.")
        except (ValueError, RecursionError):
            yield Fault("The file of the setting packages.trust_root is not JSON.")
    if settings.xmpp.server == "external" and settings.xmpp.ca is not None:
        try:
            x509.load_pem_x509_certificates(settings.xmpp.ca.read_bytes())
        except OSError as error:
            yield Fault(f"The setting xmpp.ca cannot be read: {error.strerror}.")
        except ValueError:
            yield Fault("The file of the setting xmpp.ca holds no certificate in PEM.")
    rules = settings.correlation.rules or settings.data / "alerts.toml"
    try:
        read_rules(rules.read_bytes())
    except FileNotFoundError:
        if settings.correlation.rules is not None:
            yield Fault(f"There is no rule file {rules} (correlation.rules): no alert is raised.", stops=False)
    except OSError as error:
        yield Fault(f"The rule file {rules} cannot be read: {error.strerror}.", stops=False)
    except InvalidRules as error:
        yield Fault(f"The rule file {rules} is not right: {error.message}", stops=False)


def _room(settings: Settings) -> Iterator[Fault]:
    room = settings.upkeep
    if room.reserve > room.warn:
        text = (
            f"upkeep.reserve ({room.reserve} MiB) is more than upkeep.warn ({room.warn} MiB): no warning comes first."
        )
        yield Fault(text, stops=False)


def _environment() -> Iterator[Fault]:
    for text in configuration.unknown_variables():
        yield Fault(text, stops=False)


def _modules(settings: Settings) -> Iterator[Fault]:
    for module in settings.modules:
        for fault in _tried(lambda one=module: check_one(settings, one)):  # type: ignore[misc]
            yield Fault(fault.text, stops=False)


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _tried(work: Callable[[], object]) -> Iterator[Fault]:
    try:
        work()
    except StartError as error:
        yield Fault(error.message)
