"""Data leaving: what an event means that sends something, by what is sent, whereto, when, and how quietly."""

from __future__ import annotations

import re

from pumpkin.analysis.flow import HOST, SPYING, Event, Reach, Tag
from pumpkin.analysis.grading import EAGER, HIDING, Rule, by_reach, fixed, lowered, raw
from pumpkin.analysis.places import DROP_POINTS, LOCAL_ADDRESS
from pumpkin.model.findings import Level

_ACCOUNT = re.compile(r"://[\w.:-]+/(?:[\w.-]+/)*(?:oauth2?|auth|login|register|signin|sessions?)\b")
"""Where a service's own client signs its user in."""

_DOWNLOADERS = re.compile(r"https?://|ftp://")
_KNOWN_ADDRESS = re.compile(
    r"(?:^|[/\s])(?:8\.8\.[48]\.[48]|1\.[01]\.[01]\.[01]|9\.9\.9\.9|208\.67\.22[02]\.22[02]|2(?:2[4-9]|[345]\d)\.|192\.0\.2\.|203\.0\.113\.|1\.2\.3\.4)"
)
_PERSONAL = HOST | {Tag.CREDENTIAL, Tag.VISITOR, Tag.ENV_SECRET, Tag.CLIPBOARD, Tag.COMMAND, Tag.FILE}
_GIVEN = frozenset({Tag.CREDENTIAL, Tag.VISITOR, Tag.ENV_SECRET})
_TOLD = ("send", "sendall", "sendto", "post", "urlopen", "request", "get", "put", "emit", "write", "end")


def judged(event: Event) -> list[Rule]:
    """The rules a sending event breaks; of one that breaks none, that it talks to the network unasked."""
    if event.name == "print":
        return _printed(event)
    found = [rule for look in _LOOKS for rule in look(event)]
    return found or _plain(event)


def _printed(event: Event) -> list[Rule]:
    """Secrets told whoever reads what a build prints."""
    if event.reach < EAGER:
        return []
    return [("flow-secret-print", Level.CRITICAL, "T1552", "prints what it read of secrets")]


def _drop(event: Event) -> bool:
    return DROP_POINTS.search(event.text) is not None


def _secrets(event: Event) -> list[Rule]:
    tags, text, reach = event.tags, event.text, event.reach
    found: list[Rule] = []
    if Tag.SECRET in tags:
        quiet = "silent" in event.detail and fixed(text)
        grave = reach >= EAGER or _drop(event) or raw(text) or quiet
        level = Level.CRITICAL if grave else Level.HIGH if Tag.LISTED in tags and fixed(text) else Level.MEDIUM
        level = level if reach > Reach.ASIDE else Level.MEDIUM
        found.append(("flow-secret-leak", level, "T1552.001", "sends secret files away"))
    if Tag.WALLET in tags and fixed(text) and reach > Reach.ASIDE:
        found.append(("flow-wallet-leak", Level.CRITICAL, "T1657", "sends the keys of a wallet away"))
    if Tag.ENV_ALL in tags:
        level = Level.CRITICAL if fixed(text) and reach is Reach.CALLED else by_reach(event, Level.CRITICAL, 2)
        found.append(("flow-environment-leak", level, "T1082", "sends the environment away"))
    if Tag.ENV_SECRET in tags and (reach >= EAGER or _drop(event) or (raw(text) and reach is Reach.CALLED)):
        found.append(("flow-token-leak", Level.CRITICAL, "T1552.007", "sends a secret of the environment away"))
    return found


def _watched(event: Event) -> list[Rule]:
    tags, reach, drop = event.tags, event.reach, _drop(event)
    found: list[Rule] = []
    if tags & SPYING and (tags & SPYING != {Tag.FORM} or fixed(event.text)):
        what = ", ".join(sorted(tags & SPYING))
        found.append(("flow-spying", _sent(event, Level.CRITICAL, drop), "T1113", f"sends what it saw of {what} away"))
    if Tag.COMMAND in tags and event.name.endswith(_TOLD):
        sure = event.file.endswith(".py") or reach is Reach.INSTALL
        grave = drop or raw(event.text) or sure or Tag.NET in tags
        level = _sent(event, Level.CRITICAL if grave else Level.HIGH, drop)
        found.append(("flow-command-leak", level, "T1041", "sends the output of commands away"))
    if Tag.FILE in tags and Tag.SECRET not in tags and reach >= EAGER and "recv" not in event.name:
        sure = reach is Reach.INSTALL or event.file.endswith(".py")
        searched = Tag.LISTED in tags and (fixed(event.text) or raw(event.text))
        level = Level.CRITICAL if searched else Level.HIGH if sure else Level.MEDIUM
        found.append(("flow-file-leak", level, "T1005", "sends the content of files away"))
    return found


def _host(event: Event) -> list[Rule]:
    tags, reach, drop = event.tags, event.reach, _drop(event)
    hosts = tags & HOST
    local = LOCAL_ADDRESS.search(event.text) is not None
    if tags & {Tag.HOST_INFO, Tag.FOLDER} and reach is Reach.INSTALL and not hosts and not local:
        return [("flow-host-ping", Level.HIGH, "T1082", "tells somebody what machine this is")]
    if reach is Reach.CALLED and not drop and {Tag.HOST_NAME, Tag.HOST_USER} <= tags and fixed(event.text):
        return [("flow-host-leak", Level.HIGH, "T1082", "sends host and user name away")]
    if not hosts or not (reach >= EAGER or drop):
        return []
    dns = event.name.startswith(("dns.", "socket.getho", "socket.getaddr"))
    strong = len(hosts) > 1 or drop or dns or reach is Reach.INSTALL or bool(tags & {Tag.FOLDER, Tag.COMMAND})
    level = Level.CRITICAL if strong and (drop or reach >= EAGER) else Level.HIGH
    return [("flow-host-leak", level, "T1082", f"sends {', '.join(sorted(hosts))} away")]


def _given(event: Event) -> list[Rule]:
    """What others handed over in trust: visitors, callers, the functions it listens to."""
    tags, text = event.tags, event.text
    silent = "silent" in event.detail
    found: list[Rule] = []
    if event.reach is Reach.CALLED and Tag.VISITOR in tags and not silent and fixed(text):
        found.append(("flow-visitor-leak", Level.MEDIUM, "T1041", "passes on what visitors send"))
    if event.reach is Reach.CALLED and tags & {Tag.CREDENTIAL, Tag.TOKEN} and raw(text):
        reason = "sends a password or key to a bare address"
        found.append(("flow-credential-leak", Level.CRITICAL, "T1056", reason))
    handed = tags & {Tag.CREDENTIAL, Tag.WALLET} or (Tag.TOKEN in tags and "webhooks" in text)
    if event.reach is Reach.CALLED and handed and _drop(event):
        reason = "hands what it was trusted with to a hand-over point used by thieves"
        found.append(("flow-credential-leak", Level.CRITICAL, "T1567", reason))
    if event.reach >= EAGER and Tag.CREDENTIAL in tags and (fixed(text) or raw(text)):
        level = Level.HIGH if _ACCOUNT.search(text) and event.reach is not Reach.INSTALL else Level.CRITICAL
        found.append(("flow-credential-leak", level, "T1056.002", "asks for a password or key and sends it"))
    hushed = tags & _PERSONAL
    if hushed and silent and event.reach is Reach.CALLED and fixed(text):
        strong = len(hushed) > 1 or bool(hushed & _GIVEN) or raw(text) or Tag.LISTED in tags
        level = Level.CRITICAL if strong else Level.HIGH
        found.append(("flow-silent-leak", level, "T1041", f"sends {', '.join(sorted(hushed))} away and hides failures"))
    if Tag.HANDED in tags and event.reach >= EAGER and (fixed(text) or raw(text)):
        level = Level.HIGH if silent else Level.MEDIUM
        found.append(("flow-handed-leak", level, "T1056", "listens to others and passes on what they hand it"))
    return found


def _hidden(event: Event) -> list[Rule]:
    tags = event.tags
    if tags & HIDING and Tag.LITERAL in tags and event.reach >= Reach.CALLED and Tag.NET not in tags:
        level = Level.HIGH if event.reach >= EAGER else Level.MEDIUM
        return [("flow-hidden-address", level, "T1027.010", "talks to an address hidden in the source")]
    return []


_LOOKS = (_secrets, _host, _hidden, _watched, _given)


def _plain(event: Event) -> list[Rule]:
    text = event.text
    if event.name == "webbrowser.open" and event.reach >= EAGER and fixed(text):
        return [("flow-page", Level.HIGH, "T1204.001", "opens a page in the user's browser")]
    if event.reach >= EAGER and event.name.rpartition(".")[2] not in ("getaddrinfo", "gethostbyname"):
        unasked = event.reach is Reach.INSTALL
        told = event.file.endswith(".py") or ("unheard" in event.detail and fixed(text))
        plain = Level.HIGH if told else Level.MEDIUM
        beacon = "endless" in event.detail and fixed(text)
        level = Level.HIGH if _drop(event) or raw(text) or beacon else plain if unasked else Level.LOW
        if LOCAL_ADDRESS.search(text):
            level = Level.INFO
        return [("flow-network", level, "T1071.001", "talks to the network")]
    if event.reach is Reach.CALLED and raw(text) and not _KNOWN_ADDRESS.search(text):
        return [("flow-raw-address", Level.HIGH, "T1071.001", "talks to a bare address")]
    if _drop(event):
        return [("flow-drop-point", Level.MEDIUM, "T1567", "talks to a hand-over point used by thieves")]
    return []


def _sent(event: Event, eager: Level, drop: bool) -> Level:
    """Data leaving: grave on import, one step less when called, unless it goes to a drop point."""
    if event.reach >= EAGER or (drop and event.reach is Reach.CALLED):
        return eager
    known = _DOWNLOADERS.search(event.text) is not None
    return lowered(eager, 1 if known else 2)
