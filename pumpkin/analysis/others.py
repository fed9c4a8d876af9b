"""Languages known less well (C, Go, Java, Lua, ...): commands of attack, and what only harm does together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pumpkin.analysis.places import CLOUD_SECRETS, SECRETS, attack
from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "static"
_STRING = r"(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
KNOWN = re.compile(r"\.(?:java|kt|go|cs|c|cc|cpp|m|swift|lua|pl|pm|pyx|scala|groovy|dart|ex|r)$", re.I)
_SPAWN = re.compile(
    rf"(?:exec|system|popen|Popen|ProcessBuilder|Command|spawn|execl\w*|Process\.Start|os\.execute|runtime\(\)\.exec|qx)"
    rf"\s*[({{]?[^\n;]{{0,60}}?(?:{_STRING})[^\n;]{{0,300}}"
)
_NETWORK = re.compile(
    r"HttpURLConnection|openStream\(|HttpClient|new\s+Socket\(|http\.(?:Get|Post|PostForm|NewRequest)|net\.Dial|WebClient"
    r"|URLSession|curl_easy|socket\.http|LWP::UserAgent|IO::Socket|new\s+URL\(|\bconnect\s*\("
)
_ENVIRONMENT = re.compile(r"System\.getenv\(\s*\)|os\.Environ\(\)|GetEnvironmentVariables|%ENV\b|\benviron\b")
_CODE = re.compile(
    r"defineClass|URLClassLoader|ScriptEngine|\.eval\(|Assembly\.Load|plugin\.Open|loadstring|mprotect|VirtualAlloc|\beval\b\s*[($]"
)
_USER = re.compile(r"getProperty\(\s*\"user\.name\"|user\.Current\(\)|getlogin|getpwuid|Environment\.UserName")
_HOST = re.compile(r"getLocalHost\(\)|getHostName\(|os\.Hostname\(\)|gethostname|Environment\.MachineName")
_TOLD = re.compile(
    r"(?:\.exec|ProcessBuilder|exec\.Command|popen|system)\s*\([^;]{0,200}?(?:getInputStream|readAll|ReadAll|\.Body)"
)
_PIECES = re.compile(r"[\"']\s*[,+]\s*[\"'/]+|[\"']\s*\)\s*\.(?:resolve|join)\(\s*[\"']")
"""Between the parts of a path that is put together."""

_DECODE = re.compile(r"Base64|DecodeString|FromBase64|hex\.Decode|parseHexBinary|decode_base64|unpack\s*\(?\s*[\"']H")


def examine(path: str, data: bytes, *, aside: bool) -> Iterator[Finding]:
    """Languages known less well: commands of attack, and what only harm does together."""
    text = data.decode("utf-8", "replace")
    network = _NETWORK.search(text)
    started = re.search(
        r"AbstractMojo|@Mojo\b|Plugin<Project>|premain\s*\(|contextInitialized|@PostConstruct|static\s*\{|func\s+init\s*\(\s*\)|__attribute__\s*\(\s*\(\s*constructor|JNI_OnLoad|\bBEGIN\s*\{",
        text,
    )
    found: list[tuple[str, Level, str, str, re.Match[str]]] = []
    for spawn in list(_SPAWN.finditer(text))[:100]:
        known = attack(" ".join(re.findall(_STRING, spawn[0])).replace('"', " ").replace("'", " "))
        if known is not None and known.level.rank >= Level.HIGH.rank:
            found.append((f"hook-{known.rule}", known.level, known.tactic, f"a command {known.reason}", spawn))
    if network and (hit := _ENVIRONMENT.search(text)):
        found.append(
            ("hook-environment-leak", Level.CRITICAL, "T1082", "takes the environment and opens a connection", hit)
        )
    joined = _PIECES.sub("/", text)
    if network and (hit := SECRETS.search(joined) or CLOUD_SECRETS.search(joined)):
        found.append(("hook-secret-leak", Level.HIGH, "T1552.001", "names secrets and opens a connection", hit))
    if network and (hit := _CODE.search(text)):
        found.append(("hook-remote-code", Level.HIGH, "T1105", "loads code and opens a connection", hit))
    if (hit := _CODE.search(text)) and _DECODE.search(text):
        found.append(("hook-hidden-code", Level.HIGH, "T1027.010", "loads code it decodes", hit))
    if network and _HOST.search(text) and (hit := _USER.search(text)):
        found.append(("hook-host-leak", Level.HIGH, "T1082", "asks for user and host and opens a connection", hit))
    if network and (hit := _TOLD.search(text)):
        found.append(("hook-remote-command", Level.HIGH, "T1059", "runs what the network answered", hit))
    for rule, level, tactic, reason, hit in found:
        if started and level is Level.HIGH:
            level = Level.CRITICAL
        line = text.count("\n", 0, hit.start()) + 1
        yield Finding(TOOL, rule, Level.LOW if aside else level, Group.FLOW, reason, tactic, path, line, quoted(hit[0]))
