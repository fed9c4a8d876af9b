"""Code of Rust, Ruby and PHP packages that runs unasked: build scripts, extconf.rb, gemspecs, composer's hooks.

These languages are not followed by data flow. What a file brings in and what it does are told by patterns over its
code without comments, and judged together: a build script that reads credentials and opens a connection needs no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pumpkin.analysis import composer, others, poms, shell
from pumpkin.analysis.flow import Reach
from pumpkin.analysis.languages import LANGUAGES, STRING, Language
from pumpkin.analysis.places import CLOUD_SECRETS, LOCAL_ADDRESS, RAW_ADDRESS, SECRETS, attack
from pumpkin.model.findings import Finding, Group, Level, quoted

TOOL = "static"
SIZE_LIMIT = 1_000_000
WINDOW = 80
"""Lines of a library's file within which what belongs together stands."""

_VISITOR = re.compile(
    r"(?:eval|assert|system|shell_exec|exec|passthru|popen|array_map|call_user_func\w*|array_filter|usort)\s*\([^;]{0,80}\$_(?:GET|POST|REQUEST|COOKIE|SERVER)"
    r"|\$_(?:GET|POST|REQUEST|COOKIE)\s*\[[^\]]{1,40}\]\s*\(|\$\w+\s*\(\s*\$_(?:POST|GET|REQUEST|COOKIE)",
    re.I,
)
_STARTING = re.compile(r"Command::new|popen|system|exec|spawn|`|proc_open|%x|\b(?:__)?send\b")
_DOTTED = re.compile(r"\$_(?:GET|POST|REQUEST|COOKIE|FILES)\b|php://input")
_STORED = re.compile(
    r"\b(?:file_put_contents|fwrite|fputs|move_uploaded_file)\s*\([^;]{0,200}?(?:\$_(?:GET|POST|REQUEST|COOKIE|FILES)|php://input|base64_decode)"
)
_INCLUDED_LATER = re.compile(r"\b(?:include|require)(?:_once)?\s*\(?\s*\$\w+|move_uploaded_file\s*\([^;]{0,200}\.php")
_DOTENV = re.compile(r"['\"/]\.env['\"]")
_COMMANDED = re.compile(
    r"`#\{|(?:system|exec|spawn|popen\w*|proc_open|shell_exec|pcntl_exec)\s*\(?\s*(?:[a-z_]\w*\b(?!\s*=)|[\"'](?:/bin/)?(?:ba)?sh)|%x\W#\{"
)
_STARTED_FILE = re.compile(
    r"(?:Command::new|exec|system|shell_exec|passthru|popen|spawn|proc_open)\s*\(?\s*[\"'](?:/tmp/|/var/tmp/|/dev/shm/|\./|nohup)"
)
_PLACED = re.compile(
    r"/tmp/|/dev/shm|temp_dir\(\)|tmpdir|sys_get_temp_dir|tempnam|\bTEMP\b|\.cache",  # noqa: S108 - read, not used
    re.IGNORECASE,
)
_SHELLED = re.compile(
    r"Command::new\s*\(\s*\"(?:nohup|(?:/bin/)?(?:ba|z)?sh|cmd|powershell)|(?:system|exec|spawn)\W{1,4}(?:ba)?sh\b"
)
_PROGRAM = re.compile(r"\.(?:exe|bat|vbs|ps1|scr)[\"']", re.IGNORECASE)
_ASKED = re.compile(
    r"[\"'](?:QUERY_STRING|rack\.input)[\"']|\b(?:env|params|cookies|headers)\s*\[\s*[\"':](?:HTTP_|[\w-])|request\.(?:params|cookies|headers|body)"
)
_TOLD = re.compile(r"`\s*#\{|\b(?:system|exec|eval|instance_eval|spawn|popen)\b\s*\(?\s*(?!['\"])[\w@]|%x\W#\{")
_HEADERS = re.compile(r"getallheaders\s*\(|apache_request_headers\s*\(|php://input", re.I)
_RUN_HEADER = re.compile(r"\b(?:eval|system|passthru|shell_exec|popen|proc_open|assert)\s*\(\s*\$\w+", re.I)
_NO_SOURCE = re.compile(r"\binclude!\s*\(\s*\"[^\"]+\.(?!rs\"|in\")\w+\"")
_ACCOUNT = re.compile(r"\bwp_(?:create|insert)_user\s*\(")
_SOCKETS = re.compile(r"TCPSocket|TcpStream|fsockopen|socket_connect|stream_socket_client")
_FACTS = re.compile(r"Socket\.gethostname|Etc\.getlogin|gethostname\(|php_uname|get_current_user|whoami")
_SENT = re.compile(
    r"::(?:post|put)\b|\.send(?:_\w+)?\(|\bmail\s*\(|\.upload\b|->put\(|fputs|fwrite|\.post\b|\.post_form|POST|send_string|write_all|CURLOPT_POST|\.put\b"
)
_SHELLS = re.compile(
    r"(?:system|shell_exec|passthru|popen)\s*\(\s*(?:base64_decode|gzinflate|str_rot13|hex2bin|strrev)|Command::new\s*\(\s*\"(?:/bin/)?(?:ba|z|da)?sh\"|Command::new\s*\(\s*\"(?:cmd|powershell)",
    re.I,
)
_HOSTS = re.compile(
    r"gethostname|whoami|\bhostname\b|Etc\.getlogin|Socket\.gethostname|php_uname|get_current_user|USERNAME|\bUSER\b",
    re.I,
)
_APK_SCRIPTS = frozenset(
    f".{when}-{what}" for when in ("pre", "post") for what in ("install", "upgrade", "deinstall")
) | {".trigger"}
_LOADED = re.compile(rb"composer-plugin|\"(?:files|scripts|providers)\"\s*:")
_KEYS = re.compile(
    r"\[0-9a-fA-F\]\{64\}|\[1-9A-HJ-NP-Za-km-z\]\{\d\d|\.solana|private.?key|[\"'/]id\.json\b|\.wallet\b|==\s*\"wallet\"|keystore[\"'/]|mnemonic|seed.?phrase",
    re.I,
)
_WRITES = re.compile(
    r"fs::write|File::create|OpenOptions|File\.(?:bin)?write|File\.open\(.{0,80}['\"][wa]|file_put_contents|IO\.binwrite"
)
_PLANTED = re.compile(
    r"authorized_keys|\.cargo/config|\.cargo[\"'][\s\S]{0,300}[\"'](?:config(?:\.toml)?|bin)[\"']|rustc-wrapper|\.gemrc|\.npmrc|\.gitconfig|\.ssh/config|\.irbrc|\.pryrc|\.zshenv|\.vscode/tasks|\.github/workflows|mcp\.json|auto_prepend_file|vendor/autoload|autoload\.php.{0,80}FILE_APPEND|\.bashrc|\.profile|\.zshrc|/etc/cron|LaunchAgents|systemd/|\.git/hooks"
)
_MODES = re.compile(r"set_permissions|set_mode|\bchmod\b|0o?7[0-7]{2}\b")
_STARTS = re.compile(
    r"Command::new\s*\(\s*(?![\"'])|\b(?:system|spawn|exec|popen|shell_exec|proc_open)\s*\(?\s*(?![\"'`(])[\w$]"
)
_HOME_PARTS = re.compile(
    r"[\"']\.(?:ssh|aws|gnupg|kube|gem|cargo|composer)[\"']|credentials\.toml|config/database|wp-config\.php|parameters\.ya?ml|config\(\s*['\"](?:app\.key|database|mail|services|filesystems)\b|Rails\.application\.(?:credentials|secrets)"
)
_TOKENS = re.compile(
    r"(?:GITHUB|GITLAB|NPM|CARGO_REGISTRY|NODE_AUTH|PYPI|RUBYGEMS_API|GEM_HOST_API)_(?:TOKEN|KEY)|AWS_SECRET\w+|COMPOSER_AUTH"
)
_CLIPBOARD = re.compile(
    r"(?:get_text|get_contents|Clipboard\.paste|pbpaste)[\s\S]{0,400}(?:set_text|set_contents|Clipboard\.copy|pbcopy)"
)
_ADDRESSES = re.compile(r"[\"']0x|bc1|\[13\]|==\s*42\b|wallet", re.I)
_VARIABLE_RUN = re.compile(
    r"(?:\b(?:system|eval|exec|spawn|shell_exec|passthru|assert)\s*\(?\s*\$?[a-z_]\w*\s*[);\n])|\$\w+\s*\(|\.arg\(\s*&?\w+\s*\)"
)
_INCLUDED = re.compile(
    r"\b(?:include|require)(?:_once)?\s*\(?\s*[\"']/(?:var/)?tmp/|\b(?:include|require)(?:_once)?\s*\(?\s*\$\w+\s*\)?\s*;|\bload\s+[a-zA-Z_]\w*\s*$|\brequire\s+(?:[A-Z][A-Z_]*|[a-z_]\w*)\s*$|\binstance_eval\b",
    re.M,
)
_BETWEEN = re.compile(r"[\"']\s*,\s*[\"']")
_DESCRIPTORS = re.compile(r"\bfrom_raw_fd\b|\bdup2\b|\breopen\(|\bproc_open\b")
_FIXED = re.compile(
    r"[a-z]{2,8}://(?:(?:[\w-]+\.)+[a-z]{2,}|(?!127\.|0\.)(?:\d{1,3}\.){3}\d{1,3}\b)|\}\.(?:[\w-]+\.)+[a-z]{2,}[\"'/:]"
    r"|[\"'](?:\d{1,3}\.){3}\d{1,3}\b|[\"'](?:[\w.-]+@)?(?:[\w-]+\.)+(?:com|net|org|io|dev|app|xyz|ru|cn|top|site"
    r"|online|info|me|cc|example|invalid)\b|base64|decode64|hex2bin|str_rot13"
)
"""Where to, said in the source or hidden in it."""

_WALKS = re.compile(
    r"\bWalkDir\b|\bread_dir\s*\(|\bglob\s*\(|Dir\.(?:glob|children|each_child)|Dir\[|Find\.find|Recursive\w*Iterator|\bscandir\s*\("
)
_HOME = re.compile(r"[\"']HOME[\"']|home_dir\s*\(|Dir\.home|USERPROFILE|[\"']~/")
_READS = re.compile(r"\bfs::read|read_to_(?:string|end)|File\.(?:bin)?read|File\.open|file_get_contents|\bfread\s*\(")
_SPELLED = re.compile(r"(?:\$\w+\s*\[\s*\d+\s*\]\s*\.\s*){4}")
_PIECES = re.compile(r"[\"'](?:ass|sys|ev|ex|pass|she)\w{0,4}[\"']\s*\.\s*[\"']\w{1,8}[\"']")
_LOGINS = re.compile(
    r"\bcvv\b|card_?number|valid_password|authenticate|prepend\b|def\s+login|function\s+login|\bpassw", re.I
)
_HUSHED = re.compile(
    r"rescue\s+(?:nil|Exception)|rescue(?:\s+\w+)?\s*(?:;|\n)\s*(?:nil\s*(?:;|\n)\s*)?end|rescue\s*=>|@(?:file_get|curl|mail)|catch\s*\([^)]*\)\s*\{\s*\}|let\s+_\s*=|\.ok\(\)|wp_remote_post"
)
_STARTUP = re.compile(
    r"#\[(?:ctor(?:::ctor)?|used|link_section)|at_exit|Gem\.(?:pre|post)_\w+|register_shutdown_function"
)
_CURL = re.compile(r"\b(?:curl|wget)\b[^\n]{0,200}https?:|https?:[^\n]{0,200}\b(?:curl|wget)\b")
_SECRET_ENV = re.compile(r"\w*(?:TOKEN|SECRET|PASSWORD|API_?KEY|CREDENTIAL|PRIVATE_KEY)\w*")


def examine(files: Mapping[str, bytes]) -> list[Finding]:
    """Findings over all files of these languages, and over composer's scripts."""
    found: list[Finding] = []
    macro = any(b"proc-macro" in data for path, data in files.items() if path.rsplit("/", 1)[-1] == "Cargo.toml")
    loaded = any(_LOADED.search(data) for path, data in files.items() if path.rsplit("/", 1)[-1] == "composer.json")
    for path, data in files.items():
        if path.rsplit("/", 1)[-1] in _APK_SCRIPTS:
            found += shell.examine(path, data, Reach.INSTALL)
        suffix = ".rb" if path.endswith(("Rakefile", ".gemspec", ".rake")) else path[path.rfind(".") :]
        if suffix in LANGUAGES and len(data) <= SIZE_LIMIT:
            reach = reach_of(path)
            if (macro and suffix == ".rs") or (loaded and suffix == ".php"):
                reach = max(reach, Reach.IMPORT)
            found += _file(path, data, LANGUAGES[suffix], reach)
        elif path.rsplit("/", 1)[-1] == "pom.xml" or path.endswith(".pom"):
            found += poms.examine(path, data)
        elif others.KNOWN.search(path) and len(data) <= SIZE_LIMIT:
            found += others.examine(path, data, aside=reach_of(path) is Reach.ASIDE)
        elif path.rsplit("/", 1)[-1] == "composer.json" and path.count("/") <= 1:
            found += composer.examine(path, data, LANGUAGES[".php"])
    return found


def reach_of(path: str) -> Reach:
    """When the file's code runs: build scripts on installation, libraries when required or called."""
    name = path.rsplit("/", 1)[-1]
    if re.search(r"(?:^|/)(?:tests?|spec|examples?|benches|features)/", path.partition("src/main/")[0]):
        return Reach.ASIDE
    if name in ("build.rs", "extconf.rb", "mkrf_conf.rb", "Rakefile", "rubygems_plugin.rb") or name.endswith(
        ".gemspec"
    ):
        return Reach.INSTALL
    if name.endswith(".rb") and re.search(r"(?:^|/)lib/", path):
        return Reach.IMPORT
    return Reach.CALLED


def _file(path: str, data: bytes, language: Language, reach: Reach) -> Iterator[Finding]:
    """Findings of a file; of a library's long one, of what stands close together in it."""
    text = _joined(language.comment.sub("", data.decode("utf-8", "replace")))
    lines = text.split("\n")
    if reach is Reach.INSTALL or len(lines) <= WINDOW:
        yield from _part(path, text, 0, language, reach)
        return
    for start in range(0, len(lines), WINDOW // 2):
        yield from _part(path, "\n".join(lines[start : start + WINDOW]), start, language, reach)


def _part(path: str, text: str, above: int, language: Language, reach: Reach) -> Iterator[Finding]:
    """Findings of code before which `above` lines stand."""
    eager = reach is Reach.INSTALL
    network = next((hit for hit in language.network.finditer(text) if "$" not in hit[0] or "://" in text), None)
    if not eager and not _FIXED.search(text):
        network = None  # a library of the network itself: it goes where it is told
    decode = language.decode.search(text)
    execute, spawns = language.execute.search(text), list(language.spawn.finditer(text))[:200]
    secret = SECRETS.search(text) or CLOUD_SECRETS.search(text) or _DOTENV.search(text) or _HOME_PARTS.search(text)
    if reach is Reach.CALLED and _STARTUP.search(text):
        reach = Reach.IMPORT
    everything = language.environment.search(text)
    paths = _BETWEEN.sub("/", text)
    secret = secret or SECRETS.search(paths)

    def told(rule: str, level: Level, tactic: str, reason: str, hit: re.Match[str]) -> Finding:
        if reach is Reach.ASIDE:
            level = Level.LOW
        line = above + text.count("\n", 0, hit.start()) + 1
        return Finding(TOOL, rule, level, Group.FLOW, f"{reason}, {reach.words}", tactic, path, line, quoted(hit[0]))

    sends = _SENT.search(text) is not None and reach is Reach.CALLED
    grave = Level.CRITICAL if reach >= Reach.IMPORT or sends else Level.HIGH
    if reach >= Reach.IMPORT and (hit := _SOCKETS.search(text)) and _COMMANDED.search(text):
        yield told("hook-reverse-shell", Level.CRITICAL, "T1059", "connects out and runs what it is told", hit)
    if (hit := _DESCRIPTORS.search(text)) and _SOCKETS.search(text) and _SHELLED.search(text):
        yield told("hook-reverse-shell", Level.CRITICAL, "T1059.004", "hands a connection to a shell", hit)
    if reach >= Reach.IMPORT and _WRITES.search(text) and (hit := _PLANTED.search(text) or _PLANTED.search(paths)):
        yield told("hook-autostart", Level.CRITICAL, "T1547", "writes where programs start by themselves", hit)
    if _DOTTED.search(text) and (hit := _STORED.search(text)) and _INCLUDED_LATER.search(text):
        yield told("hook-web-shell", Level.CRITICAL, "T1505.003", "keeps what a visitor sends and runs it", hit)
    literals = " ".join(one[1:-1] for one in re.findall(STRING, text)[:400])[:8000]
    started = _STARTING.search(text) or (_WRITES.search(text) if eager else None)
    known = attack(literals) if started else None
    if known is not None and known.level is Level.CRITICAL and started is not None:
        level = Level.CRITICAL if reach >= Reach.IMPORT else Level.HIGH
        yield told(f"hook-{known.rule}", level, known.tactic, f"a command {known.reason}", started)
    if started is not None and reach >= Reach.IMPORT and (hit := _CURL.search(text)):
        yield told(
            "hook-command-network",
            Level.HIGH if not eager else Level.CRITICAL,
            "T1105",
            "has a command talk to the network",
            hit,
        )
    if (hit := _CLIPBOARD.search(text)) and _ADDRESSES.search(text):
        yield told("hook-clipboard", Level.CRITICAL, "T1115", "replaces addresses of wallets in the clipboard", hit)
    if (network or _CURL.search(text)) and (hit := _TOKENS.search(text)):
        yield told(
            "hook-token-leak",
            grave if reach >= Reach.IMPORT else Level.HIGH,
            "T1552.007",
            "takes a developer's token and opens a connection",
            hit,
        )
    if (
        network
        and (hit := _LOGINS.search(text))
        and _HUSHED.search(text)
        and re.search(r"https?://[\w.-]+\.\w{2,}", text)
    ):
        grave_word = any(word in text for word in ("assw", "$p", "cvv"))
        yield told("hook-credential-leak", Level.CRITICAL if grave_word else Level.HIGH, "T1056",
                   "handles passwords, opens a connection and hides failures", hit)  # fmt: skip
    if (
        (hit := _WALKS.search(text))
        and network
        and reach is not Reach.ASIDE
        and _HOME.search(text)
        and _READS.search(text)
    ):
        yield told("hook-file-leak", grave, "T1005", "searches the user's home for files and opens a connection", hit)
    if reach >= Reach.IMPORT and (hit := _SPELLED.search(text)):
        yield told("hook-hidden-name", Level.CRITICAL, "T1027", "spells the name of a function letter by letter", hit)
    if network and reach >= Reach.IMPORT and (hit := _INCLUDED.search(text)):
        yield told("hook-remote-code", Level.CRITICAL, "T1105", "loads a file it got from the network", hit)
    if decode and (hit := _VARIABLE_RUN.search(text)) and _close(decode, hit):
        yield told("hook-hidden-command", grave, "T1027.010", "runs what it decodes", hit)
    if (hit := _PIECES.search(text)) and re.search(r"\$_(?:GET|POST|REQUEST|COOKIE)", text):
        yield told("hook-web-shell", Level.CRITICAL, "T1505.003", "runs what a visitor of a web server sends", hit)
    if network and reach >= Reach.IMPORT and (hit := _SHELLS.search(text)):
        yield told("hook-remote-command", Level.CRITICAL, "T1059", "opens a connection and hands text to a shell", hit)
    if _WRITES.search(text) and reach >= Reach.IMPORT and (decode or network) and (hit := _STARTS.search(text)):
        yield told("hook-dropper", Level.CRITICAL, "T1105", "writes a program and runs it", hit)
    started_file = _STARTS.search(text) or _STARTED_FILE.search(text)
    if _WRITES.search(text) and (hit := started_file) and reach is not Reach.ASIDE:
        placed = _PLACED.search(text) is not None
        if (network or decode) and placed:
            level = Level.CRITICAL if reach >= Reach.IMPORT or decode or _SHELLED.search(text) else Level.HIGH
            yield told("hook-dropper", level, "T1105", "fetches or unpacks a program and runs it", hit)
        elif eager and _PROGRAM.search(text):
            yield told("hook-dropper", Level.CRITICAL, "T1105", "puts a program somewhere and runs it", hit)
    if (hit := _ASKED.search(text)) and (run := _TOLD.search(text)) and _close(hit, run):
        yield told("hook-web-shell", Level.CRITICAL, "T1505.003", "runs what a visitor of a web server sends", run)
    if (hit := _HEADERS.search(text)) and (run := _RUN_HEADER.search(text)) and _close(hit, run):
        yield told("hook-web-shell", Level.CRITICAL, "T1505.003", "runs what a visitor of a web server sends", run)
    if eager and (hit := _NO_SOURCE.search(text)):
        yield told("hook-data-code", Level.HIGH, "T1027.009", "compiles a file that calls itself no code", hit)
    if (hit := _ACCOUNT.search(text)) and "administrator" in text:
        yield told("hook-account", Level.CRITICAL, "T1136", "makes itself an administrator", hit)
    if network and everything:
        yield told(
            "hook-environment-leak", grave, "T1082", "takes the whole environment and opens a connection", everything
        )
    if (network or _CURL.search(text)) and secret:
        yield told("hook-secret-leak", grave, "T1552.001", "names secrets and opens a connection", secret)
    facts = _FACTS.search(text) if reach is Reach.IMPORT else None
    if eager:
        facts = _SECRET_ENV.search(text) or _HOSTS.search(text)
    if network and (hit := facts):
        yield told(
            "hook-host-leak", Level.CRITICAL, "T1082", "collects facts of the machine and opens a connection", hit
        )
    if network and execute:
        yield told("hook-remote-code", grave, "T1105", "runs code it got from the network", execute)
    if decode and execute and _close(decode, execute):
        yield told("hook-hidden-code", Level.CRITICAL, "T1027.010", "runs code hidden in the source", execute)
    if decode and (hit := _SHELLS.search(text)):
        yield told("hook-hidden-command", Level.CRITICAL if reach >= Reach.CALLED else Level.LOW, "T1027.010",
                   "hands hidden text to a shell", hit)  # fmt: skip
    if network and reach >= Reach.CALLED and (hit := _KEYS.search(text)):
        yield told("hook-key-leak", grave, "T1657", "looks for keys of wallets and opens a connection", hit)
    if reach >= Reach.IMPORT and (hit := _WRITES.search(text)) and _MODES.search(text) and _STARTS.search(text):
        yield told("hook-dropper", Level.CRITICAL, "T1105", "writes a program and runs it", hit)
    if hit := _VISITOR.search(text):
        yield told("hook-web-shell", Level.CRITICAL, "T1505.003", "runs what a visitor of a web server sends", hit)
    for spawn in spawns:
        known = attack(text[spawn.start() : spawn.end() + 300].partition("\n")[0])
        if known is not None:
            level = (
                known.level if reach >= Reach.IMPORT else Level.HIGH if known.level is Level.CRITICAL else Level.MEDIUM
            )
            yield told(f"hook-{known.rule}", level, known.tactic, f"a command {known.reason}", spawn)
    if network and eager and not LOCAL_ADDRESS.search(text):
        yield told("hook-network", Level.HIGH, "T1071.001", "talks to the network", network)
    elif network and RAW_ADDRESS.search(text) and not LOCAL_ADDRESS.search(text):
        yield told("hook-raw-address", Level.MEDIUM, "T1071.001", "talks to a bare address", network)


_WORDS = re.compile(r"%w\[([^\]\n]{1,300})\]\.join(?:\(?['\"]{2}\)?)?")
_GLUED = re.compile(r"([\"'])\s*(?:\.|\+|<<)\s*\1")
_IMPLODED = re.compile(
    r"implode\s*\(\s*(?:''|\"\")\s*,\s*(?:\[|array\()([^\])]{1,400})[\])]\s*\)|\[([^\]]{1,400})\]\.(?:concat|join)\(\s*(?:''|\"\")?\s*\)"
)


def _joined(text: str) -> str:
    """The text with literals put together that are written in pieces, so that patterns see what they say."""
    text = _WORDS.sub(lambda hit: "'" + "".join(hit[1].split()) + "'", text)
    text = _IMPLODED.sub(
        lambda hit: "'" + "".join(one[1:-1] for one in re.findall(STRING, hit[1] or hit[2])) + "'", text
    )
    return _GLUED.sub("", text)


def _close(one: re.Match[str], other: re.Match[str]) -> bool:
    return abs(one.start() - other.start()) < 400
