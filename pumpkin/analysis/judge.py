"""Events of data flow to findings: what reached which sink, and when that code runs.

The same judge serves both languages. What runs on installation or import weighs most; what waits to be called weighs
one step less, because a library may do on request what it must not do unasked; tests and examples weigh two less.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable

from pumpkin.analysis import leaks, together
from pumpkin.analysis.flow import HOST, Event, Reach, Sink, Tag
from pumpkin.analysis.grading import EAGER, HIDING, Rule, by_reach, finding, fixed, lowered, raw
from pumpkin.analysis.places import (
    ADDRESS,
    AUTOSTART,
    BUILD_TOOLS,
    CONFIGURATION,
    OTHERS,
    PERSONAL,
    RUNNABLE,
    SECRETS,
    TEMPORARY,
    attack,
)
from pumpkin.model.findings import Finding, Level

_STEALABLE = frozenset({Tag.ENV_ALL, Tag.ENV_SECRET, Tag.SECRET})
_SENDERS = re.compile(
    r"\b(?:curl|wget|nc|ncat|scp|sftp|ftp|rsync|rclone|nslookup|dig|sendmail|Invoke-(?:WebRequest|RestMethod)|iwr|irm)\b"
    r"|\bgh\s+(?:gist|repo|release)\b|\baws\s+s3\s+cp|\bgsutil\s+cp|\bmail\s+-s"
)
_DESKTOP = re.compile(r"[/\\](?:Desktop|OneDrive|Escritorio|Schreibtisch)[/\\]", re.IGNORECASE)
_OWN = re.compile(
    r"[/\\]\.\w|cache|[/\\](?:log|tmp|temp|build|dist|var)s?[/\\]|site-packages|node_modules", re.IGNORECASE
)
_TEMPLATE = re.compile(r"[\s\ufffc]*(?:def|class|lambda|return|function)\b")
_UNVERIFIED = re.compile(r"_create_default_https_context|NODE_TLS_REJECT_UNAUTHORIZED|PYTHONHTTPSVERIFY")
_WIDE = re.compile(r"(?:~|/|[A-Z]:|\$\w+|%\w+%)")
_SOURCE = re.compile(r"\.(?:pyw?|[cm]?js)$", re.MULTILINE)
_APPLICATION = re.compile(r"\.app[/\\]Contents|app\.asar|discord_desktop_core|resources[/\\]app[/\\]", re.IGNORECASE)
_CLIMBS = re.compile(r"(?:\.\.[/\\]){2}(?!(?:\.\.[/\\])*tests?[/\\])")
_OWN_SCRIPT = re.compile(r"(?:node|python[\d.]*|ruby|perl|php)\s+[\w./-]+\.\w+\s+\S*\*")
"""A script of the package's own over files that it found."""

_STRONG_MODULES = re.compile(r"(?:node:)?(?:child_process|subprocess|socket|ctypes|https?|net|vm)$")
_HOME_WIDE = re.compile(r"^(?:~|\$HOME|\$USERPROFILE|/home|/)(?:[/\\]*\ufffc)+$")
_WALLET_HOOK = re.compile(
    r"\.(?:send_transaction|sendTransaction|sign_transaction|send_raw_transaction)$|(?:ethereum|solana|tronWeb|phantom)\.|fromSecretKey|fromMnemonic|privateKeyToAccount|signTransaction"
)
_NO_LIBRARY = re.compile(r"\.(?!node\b|so\b|dll\b|dylib\b|\d)[A-Za-z]\w{1,5}$")
_ENGINE = re.compile(r"/(?:docker|containerd|podman|crio)\.sock\b")
_SHADOWS = re.compile(
    r"[/\\]bin[/\\](?:ssh|sudo|su|git|python3?|pip3?|npm|node|docker|kubectl|curl|wget|ls|gpg|aws|gh|make|gcc)$"
)
_TARBALL = re.compile(
    r"(?:npm|npx|pip3?|gem)\s[^\n]*https?://(?!(?:[\w.-]+\.)?(?:github\.com|githubusercontent\.com|gitlab\.com|bitbucket\.org)/)\S+"
    r"(?:\.tgz|\.tar\.gz|\.zip|\.whl)"
)
_PUBLISHERS = re.compile(r"\b(?:twine|poetry)\b")
_SHELL = re.compile(r"(?:^|[\s/\\])(?:ba|z|da)?sh\b|cmd\.exe|powershell", re.IGNORECASE)

_ON_REQUEST = frozenset(
    {
        "autostart-command",
        "defence-off",
        "run-downloaded",
        "inline-code",
        "installs-other",
        "publishes",
        "traffic-redirect",
        "git-hooks",
        "container-escape",
        "own-library",
        "adds-account",
        "opens-page",
        "powershell-hidden",
    }
)
"""Commands that a tool may well run for whoever asks it to."""


def judge(events: Iterable[Event]) -> list[Finding]:
    """One finding for what each event means, and for events that only mean something together."""
    listed = list(events)
    findings = [finding(event, rule) for event in listed for rule in _RULES[event.sink](event)]
    return [*findings, *together.judged(listed)]


def _exec(event: Event) -> list[Rule]:
    tags = event.tags
    if Tag.VISITOR in tags and event.reach is Reach.CALLED and event.file.endswith(".py"):
        return [("flow-visitor-code", Level.HIGH, "T1505.003", "runs what a visitor sends as code")]
    if tags & {Tag.NET, Tag.DATA} and _TEMPLATE.match(event.text):
        return [("flow-template-code", by_reach(event, Level.MEDIUM), "T1059", "fills a template of code from outside")]
    if event.name == "require" and Tag.DROPPED in tags:
        return [("flow-fetched-module", by_reach(event, Level.HIGH, 2), "T1105", "loads a module it has just fetched")]
    if Tag.NET in tags:
        level = by_reach(event, Level.CRITICAL, 1 if "bundle" in event.detail else 0)
        return [("flow-remote-code", level, "T1105", "runs code it got from the network")]
    if Tag.PIXELS in tags:
        return [("flow-picture-code", by_reach(event, Level.CRITICAL), "T1027.003", "runs code hidden in a picture")]
    if Tag.DATA in tags and event.reach >= EAGER:
        level = Level.CRITICAL if tags & HIDING else Level.HIGH
        return [("flow-data-code", level, "T1027.009", "runs code kept in a file that is no code")]
    if event.name == "builtins.eval" and Tag.CHARS in tags and not tags & {Tag.DECODE, Tag.DATA}:
        return [("flow-computed", by_reach(event, Level.MEDIUM), "T1027.010", "computes an expression made of pieces")]
    if Tag.LITERAL in tags and tags & HIDING and not ("bundle" in event.detail and Tag.DECODE not in tags):
        level = by_reach(event, Level.CRITICAL, 2 if event.file.endswith(("js", "jsx")) else 0)
        return [("flow-hidden-code", level, "T1027.010", "runs code hidden in a long literal")]
    if Tag.COMMAND in tags or Tag.CLIPBOARD in tags:
        return [("flow-outside-code", by_reach(event, Level.HIGH), "T1059", "runs the output of a command as code")]
    if tags & {Tag.ENV, Tag.ENV_SECRET}:
        level = Level.MEDIUM if event.name == "builtins.eval" and event.reach is Reach.IMPORT else Level.HIGH
        return [("flow-environment-code", by_reach(event, level, 2), "T1059", "runs an environment variable as code")]
    if Tag.DECODE in tags and event.reach is Reach.CALLED and event.file.endswith(".py"):
        return [("flow-decoded-code", Level.HIGH, "T1140", "runs decoded text as code")]
    if tags & HIDING and event.reach >= EAGER:
        bundled = "bundle" in event.detail and Tag.DECODE not in tags and event.reach is not Reach.INSTALL
        level = Level.MEDIUM if bundled else Level.HIGH
        return [("flow-decoded-code", level, "T1140", "runs decoded text as code")]
    return []


def _spawn(event: Event) -> list[Rule]:
    tags, found = event.tags, []
    known = attack(event.text)
    if known is not None:
        level = by_reach(event, known.level, 2 if known.rule in _ON_REQUEST else 1)
        if {Tag.DECODE, Tag.LITERAL} <= tags and event.reach is Reach.CALLED:
            level = known.level  # a known attack that was hidden is meant
        if known.rule == "installs-other" and event.reach is Reach.INSTALL and _TARBALL.search(event.text):
            level = Level.CRITICAL
        if known.rule == "publishes":
            level = Level.CRITICAL if Tag.SECRET in tags else Level.LOW if _PUBLISHERS.search(event.text) else level
        found.append((f"flow-{known.rule}", level, known.tactic, f"a command {known.reason}"))
    if Tag.DROPPED in tags:
        level = Level.HIGH if Tag.LISTED in tags and _OWN_SCRIPT.match(event.text) else Level.CRITICAL
        found.append(("flow-dropper", by_reach(event, level, 2), "T1105", "runs a file it just fetched or unpacked"))
    elif Tag.LITERAL in tags and tags & HIDING and Tag.NET not in tags:
        level = by_reach(event, Level.CRITICAL, 2)
        if BUILD_TOOLS.match(event.text) and known is None:
            level = lowered(level, 3)  # the program is known, only what it is told is not
        found.append(("flow-hidden-command", level, "T1027.010", "runs a command hidden in a literal"))
    elif Tag.NET in tags:
        level = by_reach(event, Level.CRITICAL, 1 if Tag.VISITOR in tags else 3)
        found.append(("flow-remote-command", level, "T1059", "runs a command made of what the network answered"))
    if not found and event.reach >= EAGER:
        plain = BUILD_TOOLS.match(event.text) is not None or not event.text.strip("\ufffc \t")
        level = Level.INFO if plain else Level.MEDIUM if _SHELL.search(event.text) else Level.LOW
        found.append(("flow-spawn", level, "T1059", "starts a program"))
    if SECRETS.search(event.text) and _SENDERS.search(event.text) and event.reach >= EAGER:
        found.append(("flow-leak-by-command", Level.CRITICAL, "T1041", "hands secret files to a sending command"))
    if tags & HOST and _SENDERS.search(event.text) and event.reach >= EAGER:
        level = Level.CRITICAL if len(tags & HOST) > 1 or event.reach is Reach.INSTALL else Level.HIGH
        found.append(("flow-host-leak", level, "T1082", "hands what machine and user this is to a sending command"))
    if tags & _STEALABLE and _SENDERS.search(event.text) and event.reach >= Reach.CALLED:
        level = by_reach(event, Level.CRITICAL)
        found.append(("flow-leak-by-command", level, "T1041", "hands secrets or the environment to a sending command"))
    if "hidden window" in event.detail:
        found.append(
            ("flow-hidden-window", by_reach(event, Level.MEDIUM), "T1564.003", "starts a program without a window")
        )
    return found


def _write(event: Event) -> list[Rule]:
    path, tags = event.text, event.tags
    content = " ".join(event.detail)
    found: list[Rule] = []
    if AUTOSTART.search(path):
        level = by_reach(event, Level.CRITICAL, 1 if "authorized_keys" in path else 2)
        found.append(("flow-autostart", level, "T1547", "writes where programs start by themselves"))
    elif _SHADOWS.search(path) and event.reach >= EAGER:
        reason = "puts a program in the place of a well-known one"
        found.append(("flow-shadows-command", Level.CRITICAL, "T1574.007", reason))
    elif _DESKTOP.search(path) and event.reach >= EAGER:
        found.append(("flow-desktop", Level.HIGH, "T1491.001", "writes onto the user's desktop"))
    elif (_CLIMBS.search(path) or _beside(event)) and RUNNABLE.search(path) and event.reach >= EAGER:
        found.append(("flow-tampering", Level.CRITICAL, "T1554", "changes the files of another package"))
    elif {Tag.SEALED, Tag.FILE, Tag.LISTED} <= tags and event.reach >= EAGER:
        found.append(("flow-encrypts", Level.CRITICAL, "T1486", "encrypts files it searched for"))
    elif (_APPLICATION.search(path) and tags & {Tag.NET, Tag.DECODE} and event.reach >= Reach.CALLED) or (
        OTHERS.search(path) and event.reach >= EAGER and tags & {Tag.NET, Tag.DECODE, Tag.LITERAL}
    ):
        found.append(("flow-tampering", Level.CRITICAL, "T1554", "changes the files of another program"))
    elif Tag.LISTED in tags and event.reach >= EAGER and _wide(path):
        found.append(("flow-overwrites", Level.CRITICAL, "T1485", "searches for files and overwrites them"))
    elif _HOME_WIDE.match(path) and event.reach >= EAGER:
        found.append(("flow-home-wide", Level.CRITICAL, "T1486", "changes files all over the user's home"))
    elif _SOURCE.search(path) and Tag.NET in tags and "checked" not in event.detail and event.reach >= EAGER:
        found.append(("flow-drop", Level.CRITICAL, "T1105", "writes code it got from the network beside its own"))
    elif CONFIGURATION.search(path) and event.reach >= EAGER:
        own = "own" in event.detail
        found.append(
            (
                "flow-configuration",
                Level.MEDIUM if own else Level.CRITICAL,
                "T1562",
                "changes the settings of other tools",
            )
        )
    elif RUNNABLE.search(path) and tags & {Tag.NET, Tag.DECODE}:
        level = Level.HIGH if event.reach >= EAGER else Level.LOW
        level = Level.MEDIUM if "checked" in event.detail and level is Level.HIGH else level
        found.append(("flow-drop", level, "T1105", "writes a fetched or unpacked program"))
    elif TEMPORARY.search(path) and tags & {Tag.NET, Tag.DECODE} and event.reach >= EAGER:
        found.append(("flow-drop", Level.MEDIUM, "T1105", "writes fetched or unpacked data to a temporary place"))
    if (known := attack(content)) is not None and known.level is Level.CRITICAL:
        found.append(
            (
                f"flow-writes-{known.rule}",
                Level.CRITICAL if event.reach is Reach.INSTALL else by_reach(event, Level.HIGH),
                known.tactic,
                f"writes a script that {known.reason}",
            )
        )
    if Tag.SECRET in tags and not SECRETS.search(path) and event.reach >= EAGER:
        found.append(("flow-secret-copy", Level.MEDIUM, "T1074", "copies secret files"))
    return found


def _beside(event: Event) -> bool:
    """Does a path that begins at the package's own file lead out of the package?"""
    if not event.file.endswith(("js", "ts")) or not event.text.startswith("."):
        return False
    place = posixpath.normpath(posixpath.join(posixpath.dirname(event.file), event.text))
    return place.startswith("../") and place.count("/") > 1


def _unpickle(event: Event) -> list[Rule]:
    if "!!python/" in event.text or any(one.startswith("names ") for one in event.detail):
        return [("flow-armed-pickle", by_reach(event, Level.CRITICAL), "T1059", "loads objects that run a command")]
    if Tag.NET in event.tags:
        level = by_reach(event, Level.CRITICAL, 3)
        return [("flow-remote-pickle", level, "T1105", "unpickles what the network answered (pickles can run code)")]
    if Tag.LITERAL in event.tags and event.tags & HIDING and event.reach >= EAGER:
        return [("flow-hidden-pickle", Level.HIGH, "T1027.010", "loads objects or code hidden in a long literal")]
    return []


def _native(event: Event) -> list[Rule]:
    if event.tags & {Tag.NET, Tag.DECODE, Tag.LITERAL, Tag.CHARS}:
        level = by_reach(event, Level.CRITICAL, 2)
        return [("flow-shellcode", level, "T1055", "puts machine code into memory and runs it")]
    if event.name == "process.dlopen" and _NO_LIBRARY.search(event.text):
        reason = "loads compiled code from a file that calls itself something else"
        return [("flow-disguised-library", by_reach(event, Level.CRITICAL), "T1036.008", reason)]
    level = Level.LOW if event.name.endswith("CFUNCTYPE") else Level.MEDIUM
    return [("flow-native", by_reach(event, level), "T1055", "calls what is used to run code from memory")]


def _registry(event: Event) -> list[Rule]:
    return [("flow-autostart", by_reach(event, Level.CRITICAL, 2), "T1547.001", "sets itself to start with Windows")]


def _connect(event: Event) -> list[Rule]:
    if event.reach >= EAGER and _ENGINE.search(event.text):
        reason = "speaks to the machine's container engine"
        return [("flow-container-engine", Level.CRITICAL, "T1610", reason)]
    if event.reach >= EAGER:
        level = Level.HIGH if raw(event.text) else Level.LOW if "WebSocket" in event.name else Level.MEDIUM
        return [("flow-connect", level, "T1095", "opens a connection")]
    return []


def _wide(path: str) -> bool:
    """Is it found below the user's home or the whole machine, not among caches and temporary files?"""
    return _WIDE.match(path) is not None and not TEMPORARY.search(path) and not _OWN.search(path)


def _delete(event: Event) -> list[Rule]:
    if "own" in event.detail:
        return [("flow-removes-itself", by_reach(event, Level.HIGH, 2), "T1070.004", "removes its own file")]
    if event.reach >= EAGER and (
        event.text.strip() in ("~", "/", "$HOME", "~/", "/*")
        or _HOME_WIDE.match(event.text)
        or PERSONAL.match(event.text)
    ):
        return [("flow-wipe", Level.CRITICAL, "T1485", "deletes the user's files")]
    if event.reach >= EAGER and Tag.LISTED in event.tags and _wide(event.text):
        return [("flow-wipe", Level.CRITICAL, "T1485", "searches for files and deletes them")]
    return []


def _hide(event: Event) -> list[Rule]:
    return [("flow-keylogger", by_reach(event, Level.HIGH, 2), "T1056.001", "listens to the keyboard")]


def _read_secret(event: Event) -> list[Rule]:
    places = [line for line in event.text.split("\n") if SECRETS.search(line)]
    if event.reach >= EAGER and all(re.search(r"\.(?:npmrc|yarnrc|netrc)$", line) for line in places):
        return [("flow-secret-read", Level.MEDIUM, "T1552.001", "reads settings in which secrets may stand")]
    if event.reach >= EAGER:
        return [("flow-secret-read", Level.HIGH, "T1552.001", "reads places in which secrets are kept")]
    return []


def _listen(event: Event) -> list[Rule]:
    if event.reach >= EAGER:
        level = Level.HIGH if event.reach is Reach.INSTALL else Level.MEDIUM
        return [("flow-listen", level, "T1205", "waits for connections from outside")]
    return []


def _page(event: Event) -> list[Rule]:
    if event.reach >= EAGER and fixed(event.text):
        return [("flow-page", Level.HIGH, "T1189", "sends the browser elsewhere or loads a script from there")]
    return []


def _hook(event: Event) -> list[Rule]:
    if _WALLET_HOOK.search(event.name):
        return [
            (
                "flow-wallet-hook",
                by_reach(event, Level.CRITICAL),
                "T1565.002",
                "puts itself between a page and a wallet",
            )
        ]
    if _UNVERIFIED.search(event.name) and event.reach >= EAGER:
        return [("flow-unverified", Level.HIGH, "T1557", "has every connection trust whoever answers")]
    if event.name.upper().endswith(("_PROXY", "INDEX_URL", "CONFIG_REGISTRY", "GOPROXY")):
        level = Level.CRITICAL if raw(event.text) else Level.HIGH if fixed(event.text) else Level.INFO
        return [("flow-proxy", by_reach(event, level, 2), "T1557", "sends every connection through another machine")]
    if event.name.startswith("environment.") and event.reach >= EAGER:
        return [("flow-preload", Level.CRITICAL, "T1574.006", "has every program started later load a file")]
    if event.name.startswith("sys.modules[") and event.reach >= EAGER:
        known = re.search(
            r"\[(?:requests|urllib3?|http|ssl|paramiko|boto3|cryptography|hashlib|getpass)[.\]]", event.name
        )
        return [
            (
                "flow-module-swap",
                Level.HIGH if known and "own" in event.detail else Level.MEDIUM,
                "T1574",
                "puts itself in the place of another module",
            )
        ]
    if event.reach >= EAGER and ADDRESS.search(event.text):
        reason = "hooks a function and brings a wallet's address along"
        return [("flow-wallet-swap", Level.CRITICAL, "T1565.002", reason)]
    if event.reach >= EAGER and fixed(event.text):
        return [("flow-hook-elsewhere", Level.HIGH, "T1557", "hooks a function with one that names a host of its own")]
    watching = event.name.startswith(("sys.set", "sys.std"))
    level = Level.MEDIUM if event.reach >= EAGER and not watching else Level.LOW
    return [("flow-hook", level, "T1056", "puts itself in front of another module's function")]


def _import(event: Event) -> list[Rule]:
    if event.reach >= EAGER:
        level = Level.CRITICAL if _STRONG_MODULES.match(event.text) else Level.HIGH
        return [("flow-hidden-import", level, "T1027", "hides the name of a module it loads")]
    return []


def _clipboard(event: Event) -> list[Rule]:
    return [("flow-clipboard", by_reach(event, Level.CRITICAL, 4), "T1115", "changes the clipboard")]


def _schedule(_event: Event) -> list[Rule]:
    return [("flow-endless", Level.HIGH, "T1499", "never gives control back")]


def _silent(_event: Event) -> list[Rule]:
    return []


_RULES: dict[Sink, Callable[[Event], list[Rule]]] = {
    Sink.EXEC: _exec,
    Sink.SPAWN: _spawn,
    Sink.SEND: leaks.judged,
    Sink.CONNECT: _connect,
    Sink.WRITE: _write,
    Sink.UNPICKLE: _unpickle,
    Sink.NATIVE: _native,
    Sink.REDIRECT: _silent,
    Sink.REGISTRY: _registry,
    Sink.DELETE: _delete,
    Sink.SCHEDULE: _schedule,
    Sink.HIDE: _hide,
    Sink.READ_SECRET: _read_secret,
    Sink.LISTEN: _listen,
    Sink.PAGE: _page,
    Sink.HOOK: _hook,
    Sink.IMPORT: _import,
    Sink.CLIPBOARD: _clipboard,
}
