"""What a path, an address or a command line means: places of secrets, of autostart, of hand-over; commands of attack.

All three are patterns over text that may have unknown parts (`flow.UNKNOWN`). They are shared by the languages and by
install scripts, and say nothing by themselves: the judge weighs them by what reaches them and when.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pumpkin.analysis.flow import ALTERNATIVE, Tag, Value
from pumpkin.model.findings import Level

_I = re.IGNORECASE

SECRETS = re.compile(
    r"""[/\\]\.(?:ssh|aws|gnupg|kube)$|(?:^|[/\\])\.ssh[/\\](?:id_|identity|\*|\ufffc|$)|\bid_(?:rsa|ed25519|ecdsa|dsa)\b(?!\.pub)|\.aws[/\\](?:credentials|config)
    |\.(?:npmrc|pypirc|netrc|pgpass|git-credentials|dockercfg|boto|s3cfg)\b|\.docker[/\\]config\.json|\.kube[/\\]config
    |gcloud[/\\](?:credentials|application_default)|\.azure[/\\]|\.gnupg\b|/etc/shadow|(?:^|[/\\])NTUSER\.DAT
    |\.(?:bash|zsh|python|node_repl|mysql|psql)_history|User\ Data[/\\]|Login\ Data|Local\ State|(?:^|[/\\])Web\ Data$
    |cookies\.sqlite|(?:^|[/\\])Cookies$|logins\.json|key[34]\.db|\.mozilla[/\\]firefox|Firefox[/\\]Profiles
    |leveldb|Local\ Storage|discord(?:canary|ptb)?[/\\]|Telegram\ Desktop|tdata\b|\.electrum|Exodus[/\\]|wallet\.dat
    |\.(?:bitcoin|ethereum|monero|atomic)\b|MetaMask|solana[/\\]id\.json|keychain|\w*\*?\.(?:session|kdbx|ppk)\b|\.config[/\\](?:gh|hub)\b
    |kubernetes\.io/serviceaccount/(?:token|\ufffc|$)|\.near-credentials|accessTokens\.json|docker\.sock\b
    |places\.sqlite|Library[/\\](?:Safari|Cookies|Messages|Keychains|Mail)
    |Application\ Support[/\\](?:Google|Brave|Firefox|Slack|Signal)
    |\.config[/\\](?:google-chrome|chromium|BraveSoftware|Slack|Signal|rclone|op|doctl|github-copilot)|\.thunderbird|\.password-store
    |share[/\\]keyrings|Bitwarden|1Password|KeePass|sitemanager\.xml|recentservers\.xml|WinSCP\.ini|\.ovpn\b|loginusers\.vdf
    |system-connections|\.claude[/\\]\.credentials|\.codex[/\\]auth|\.databrickscfg|/etc/passwd
    |/proc/[^/\s]+/mem$|\.m2[/\\]settings(?:-security)?\.xml|\.config[/\\]solana|\.terraform\.d|vault-token|\.cargo[/\\]credentials|\.gem[/\\]credentials""",
    _I | re.VERBOSE | re.MULTILINE,
)
ENV_SECRETS = re.compile(
    r"^\$?(?:AWS_|AZURE_|GITHUB_TOKEN|GH_TOKEN|GITLAB_|NPM_TOKEN|NODE_AUTH|PYPI_|TWINE_|CI_JOB_TOKEN|DOCKER_(?:PASS|AUTH)"
    r"|SSH_|OPENAI_|ANTHROPIC_|SLACK_|STRIPE_|VAULT_|KUBECONFIG|.*(?:SECRET|PASSWORD|PASSWD|PRIVATE_KEY|API_?KEY|_TOKEN)$)",
    _I,
)
AUTOSTART = re.compile(
    r"""\.(?:bash_aliases|bashrc|bash_profile|bash_login|profile|zshrc|zprofile|zshenv)$|\.config[/\\](?:autostart|systemd|fish)
    |(?:^|[/\\])(?:etc|var/spool)/cron|crontab|/etc/(?:systemd|init\.d|rc\.local|profile|ld\.so\.preload)|LaunchAgents
    |LaunchDaemons|Start\ Menu[/\\]+Programs[/\\]+Startup|[/\\]Startup[/\\]|CurrentVersion[/\\]+Run|Winlogon
    |authorized_keys|sitecustomize\.py|usercustomize\.py|site-packages[/\\].*\.pth$|\.git[/\\]hooks|/etc/hosts$|/etc/sudoers
    |System32[/\\]drivers[/\\]etc[/\\]hosts|Schedule[/\\]TaskCache|\.vscode[/\\]tasks\.json
    |\.ipython[/\\]profile_\w+[/\\]startup|\.jupyter[/\\](?:custom|jupyter_)|Code[/\\]User[/\\](?:settings|tasks)\.json
    |\.config[/\\]nvim|\.vimrc$|\.tmux\.conf$|\.xprofile$|\.xinitrc$""",
    _I | re.VERBOSE | re.MULTILINE,
)
CONFIGURATION = re.compile(
    r"""(?:^|[/\\])pip\.(?:conf|ini)$|\.(?:npmrc|yarnrc|yarnrc\.yml|condarc|gemrc|gitconfig|curlrc|wgetrc|pydistutils\.cfg)$
    |\.m2[/\\]settings\.xml|\.cargo[/\\]config|uv[/\\]uv\.toml|\.(?:claude|cursor|gemini|codeium|windsurf)[/\\]|mcp\.json|claude_desktop_config
    |\.vscode[/\\]extensions|\.config[/\\]git[/\\]config""",
    _I | re.VERBOSE | re.MULTILINE,
)
"""Settings of tools that fetch and run code."""

CLOUD_SECRETS = re.compile(
    r"meta-data/iam/security-credentials|computeMetadata/v1\S*/token|metadata/identity/oauth2/token"
)
WALLET_NAMES = re.compile(r"^(?:private_?key|mnemonic|seed_?phrase|secret_?key|priv_?key|wallet_?seed)$", re.IGNORECASE)
"""Parameters that hold what nobody ever sends: the keys of wallets."""

ADDRESS = re.compile(r"\b(?:0x[0-9a-fA-F]{40}|bc1[a-z0-9]{20,60}|T[A-Za-z1-9]{33}|[13][1-9A-HJ-NP-Za-km-z]{25,34})\b")
"""An address of a crypto-currency."""

CREDENTIAL_NAMES = re.compile(
    r"^(?:(?:user_?)?pass(?:word|wd|phrase)?|pwd|secret|credentials?|otp|pin|dsn|uri|connection_?string|conn_?str"
    r"|(?:mongo|database|db)_?ur[il])$",
    re.IGNORECASE,
)
"""Parameters that hold what is given in trust to be used here."""

TOKEN_NAMES = re.compile(r"^(?:api_?(?:key|secret|hash)|token|auth_?token|access_?token)$", re.IGNORECASE)
"""Parameters that hold what is meant to be sent, to whoever gave it out."""

FETCHERS = re.compile(r"^\W*(?:\S*/)?(?:curl|wget|nslookup|dig|iwr|Invoke-WebRequest)\b")
"""Commands whose output is what the network answered."""

FETCHED = re.compile(
    r"\b(?:curl|wget|aria2c|iwr|Invoke-WebRequest|bitsadmin|certutil)\b[^\n]*?\s(?:-o|-O|--output|--output-document|-OutFile|-d)"
    r"[\s=]*[\"']?([^\s\"']{4,200})|\bgit\s+clone\s+[^\n]*?\s([^\s\"'-][^\s\"']{3,200})\s*$"
)
"""Commands that put what they fetch into a file or folder."""

SECRET_COMMANDS = re.compile(
    r"trufflehog|gitleaks|gh\s+auth\s+(?:token|status)|gcloud\s+auth\s+print|aws\s+configure\s+(?:export|get)|git\s+credential|security\s+find-"
    r"|\bop\s+read|pass\s+show|kubectl\s+\S*\s*get\s+secret|vault\s+(?:read|kv)|npm\s+token|cmdkey\s+/list|lsass"
    r"|netsh\s+wlan\s+show\s+profile|secretsmanager\s+get|az\s+account\s+get-access-token"
)
OTHERS = re.compile(
    r"""discord_desktop_core|app\.asar|resources[/\\]app\b|site-packages|dist-packages|node_modules[/\\]\w|\.vscode[/\\]extensions
    |\.github[/\\]workflows|\.claude|\.cursor|claude_desktop_config|mcp\.json|Program\ Files|electron\.asar
    |\.app[/\\]Contents""",
    _I | re.VERBOSE | re.MULTILINE,
)
"""Files of other programs, which no package has to change."""
PERSONAL = re.compile(r"^(?:~|/home|\$HOME|\$USERPROFILE)[/\\](?:Documents|Desktop|Pictures|Downloads|Music|Videos)\b")
"""Folders in which people keep what is theirs."""

DATA_FILE = re.compile(
    r"\.(?:json5?|txt|dat|data|bin|png|jpe?g|gif|ico|bmp|svg|md|rst|csv|db|cfg|ini|log|html?|css|wasm|enc|ya?ml|pem|ttf|wav|mp3)$",
    _I | re.MULTILINE,
)
TEMPORARY = re.compile(
    r"^(?:/tmp|/var/tmp|/dev/shm|/proc/self/fd)\b|\$(?:TEMP|TMP|APPDATA|LOCALAPPDATA|PUBLIC)|%(?:temp|appdata)%",
    _I | re.MULTILINE,
)
RUNNABLE = re.compile(
    r"\.(?:exe|dll|scr|com|bat|cmd|ps1|vbs|hta|msi|jar|sh|bash|bin|elf|pyw?|js|so|dylib|node)$", _I | re.MULTILINE
)
A_TEMPORARY = "/tmp/\ufffc"  # noqa: S108 - a mark, not a place
"""Stands for a temporary file of whatever name."""

DROP_POINTS = re.compile(
    r"""discord(?:app)?\.com/api/(?:v\d+/)?webhooks|api\.telegram\.org/bot|/api/(?:v\d+/)?webhooks/\d+/|hooks\.slack\.com/services|webhook\.site
    |pipedream\.net|requestbin|requestcatcher|hookb\.in|beeceptor\.com|mockbin|burpcollaborator|oastify\.com|interact\.sh
    |oast\.(?:fun|live|me|online|pro|site)|dnslog|ceye\.io|canarytokens|ngrok(?:-free)?\.(?:io|app|dev)|serveo\.net
    |trycloudflare\.com|localhost\.run|loca\.lt|transfer\.sh|file\.io|gofile\.io|anonfiles|bashupload|termbin|0x0\.st
    |pastebin\.com/(?:raw|api)|paste\.ee|hastebin|rentry\.co|ghostbin|controlc\.com|dpaste|grabify|iplogger|api\.ipify
    |\.onion\b|\.duckdns\.org|no-ip\.|ddns\.net|\.hopto\.org|workers\.dev|replit\.(?:co|dev)|glitch\.me|repl\.co""",
    _I | re.VERBOSE,
)
RAW_ADDRESS = re.compile(
    r"\b[a-z][a-z+]{1,12}://(?:[^\s/@]{1,80}@)?(?:\d{1,3}\.){3}\d{1,3}(?![\d.])|(?:^|(?<=\s))(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?(?=$|\s)",
    re.MULTILINE,
)
LOCAL_ADDRESS = re.compile(
    r"(?:^|//)(?:127\.|0\.0\.0\.0|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.)|localhost"
)


@dataclass(frozen=True, slots=True)
class Attack:
    """A command line that means harm: its name, how grave, why, and the ATT&CK technique."""

    rule: str
    level: Level
    reason: str
    tactic: str
    pattern: re.Pattern[str]


def _attack(rule: str, level: Level, tactic: str, reason: str, pattern: str) -> Attack:
    return Attack(rule, level, reason, tactic, re.compile(pattern, _I | re.DOTALL))


_C, _H, _M = Level.CRITICAL, Level.HIGH, Level.MEDIUM
_G = r"[^\n]{0,300}?"
_SHELL = r"(?:/\S{0,40}/)?(?:ba|z|da|k|a)?sh\b"

ATTACKS: tuple[Attack, ...] = (
    _attack("reverse-shell", _C, "T1059.004", "opens a reverse shell",
            rf"/dev/(?:tcp|udp)/|\bn(?:c|cat|etcat)\b{_G}\s-\w*[ec]\w*\s+\S*(?:sh|cmd)|mkfifo{_G}\|\s*\bnc\b|socat{_G}exec:"
            rf"|\bbash\s+-i\b|fsockopen{_G}{_SHELL}|socket{_G}(?:dup2|subprocess){_G}{_SHELL}"
            rf"|\bssh\b{_G}\s-\w*R\w*\s|telnet\s+\S+\s+\d+\s*\|\s*{_SHELL}"),
    _attack("download-and-run", _C, "T1105", "downloads something and runs it",
            rf"\b(?:curl|wget|fetch)\b{_G}\|\s*(?:sudo\s+)?(?:\S{{0,40}}/)?(?:{_SHELL}|python\d?|perl|ruby|node|php)"
            rf"|\b(?:curl|wget)\b{_G}(?:&&|;|\|\|)\s*(?:chmod|sudo|{_SHELL}|python\d?\s|node\s|\./|start\s|nohup)"
            rf"|\b(?:curl|wget)\b{_G}(?:&&|;){_G}(?:&&|;)\s*(?:/tmp/|/var/tmp/|/dev/shm/)\S"
            rf"|(?:{_SHELL}|eval|python\d?)\s+(?:-c\s+)?[\"'<]?\s*[<$]\(\s*(?:curl|wget)|eval\s+[\"`$(]+\s*(?:curl|wget)"),
    _attack("clone-and-run", _C, "T1105", "clones a repository and runs what is in it",
            rf"git\s+clone\s{_G}(?:&&|;)\s*(?:cd\s+\S+\s*(?:&&|;)\s*)?(?:python|node|{_SHELL}|make|pip|npm|\./)"),
    _attack("powershell-download", _C, "T1059.001", "PowerShell downloads code and runs it",
            r"(?:iex|invoke-expression|start-process|&&|;).{0,200}(?:downloadstring|downloadfile|invoke-webrequest|\biwr\b)"
            r"|(?:downloadstring|downloadfile|invoke-webrequest|\biwr\b|\birm\b).{0,300}(?:iex\b|invoke-expression|start|;|\|)"),
    _attack("powershell-bypass", _H, "T1059.001", "has PowerShell run a script against its rules",
            rf"powershell{_G}-e(?:x|xec|xecution\w*|p)\s+(?:bypass|unrestricted)"),
    _attack("runs-temporary", _H, "T1204.002", "starts a program from a folder for temporary files",
            r"(?:%(?:TEMP|APPDATA|LOCALAPPDATA|PUBLIC)%|\$env:(?:TEMP|APPDATA)|\$(?:TEMP|APPDATA|LOCALAPPDATA)|C:\\+Users\\+Public)"
            r"[\\/][^\s\"']*\.(?:exe|bat|cmd|ps1|vbs|scr)\b"),
    _attack("powershell-hidden", _C, "T1027.010", "PowerShell runs an encoded or hidden command",
            rf"powershell{_G}\s-(?:e|en|enc|enco\w*|ec)\s+[A-Za-z0-9+/=\ufffc]{{1}}|powershell{_G}frombase64string"
            rf"|powershell{_G}-w\w*\s+hid\w*"),
    _attack("decoded-shell", _C, "T1140", "decodes text and hands it to a shell",
            rf"base64\s+(?:-d|-D|--decode)\b{_G}\|\s*(?:{_SHELL}|python|perl)|xxd\s+-r{_G}\|\s*{_SHELL}"
            rf"|echo\s+[A-Za-z0-9+/=]{{24,}}\s*\|\s*base64"),
    _attack("windows-downloader", _C, "T1218", "a Windows system tool downloads or runs remote code",
            rf"certutil{_G}-urlcache|bitsadmin{_G}/transfer|mshta\S*\s+[\"']?(?:https?:|javascript:|vbscript:)"
            rf"|regsvr32{_G}/i:http|rundll32{_G}javascript:|msiexec{_G}/i\s*http|cmstp{_G}/s"),
    _attack("leak-by-command", _C, "T1041", "sends secrets, the environment or host data away by a command",
            rf"(?:\b(?:env|printenv|whoami|hostname|uname|id|ifconfig)\b|/etc/(?:passwd|shadow|ssh)\b|\bid_(?:rsa|ed25519)\b|\.git-credentials|_history\b|\.docker/config|\.ssh\b|\.aws\b|\.npmrc|\.kube\b|\.gnupg){_G}\|{_G}"
            rf"\b(?:curl|wget|nc)\b|\b(?:curl|wget)\b{_G}(?:\$\(|`)\s*(?:whoami|hostname|id|env|printenv|cat|uname|pwd|base64)"
            rf"|\b(?:curl(?!\s[^\n]*--unix-socket)|wget|nc)\b{_G}(?:\$(?:USER|HOSTNAME|HOME|AWS_\w+|NPM_TOKEN|GITHUB_TOKEN)\b)"
            rf"|\bcurl\b{_G}(?:-d|-F|-T|--data\S*|--upload-file|--form)\s*\S{{0,40}}@{_G}(?:\.ssh|\.aws|\.npmrc|passwd|\.env\b)"
            rf"|(?:nslookup|dig|ping|host)\b{_G}(?:\$\(|`)\s*(?:whoami|hostname|id|env)|\bping\b{_G}\s-p\s+\S"
            rf"|\bgit\b{_G}\bpush\s+https?://\S*:\S*@"),
    _attack("autostart-command", _C, "T1053", "sets itself to start again by a command",
            rf"schtasks{_G}/create|\breg\b{_G}add{_G}\\Run|crontab\s+-(?!l)|\|\s*crontab|>>\s*\S*(?:bashrc|profile|zshrc)"
            rf"|>>?\s*[\"']?\S*(?:authorized_keys|/etc/(?:ld\.so\.preload|sudoers|rc\.local|cron\w*/))"
            rf"|launchctl\s+(?:load|bootstrap)|systemctl\s+(?:--user\s+)?enable|New-ScheduledTask|sc\s+create\s"
            rf"|__EventFilter|CommandLineEventConsumer|\|\s*at\s+(?:now|\d)"),
    _attack("defence-off", _C, "T1562.001", "switches protection off",
            rf"Set-MpPreference{_G}-Disable|Add-MpPreference{_G}-Exclusion|netsh{_G}(?:advfirewall|firewall){_G}(?:off|disable)"
            rf"|vssadmin{_G}delete\s+shadows|wevtutil\s+cl\b|setenforce\s+0|iptables\s+(?:-F|--flush)|systemctl\s+(?:stop|disable)\s+(?:firewalld|apparmor|auditd|falco)|ufw\s+disable|bcdedit{_G}recoveryenabled"
            rf"|taskkill{_G}(?:msmpeng|defender|avast|avp|chrome|discord|wireshark)"),
    _attack("agent-abuse", _C, "T1059", "sets a coding assistant to work without asking",
            rf"\b(?:claude|gemini|codex|q|aider|cursor-agent)\b{_G}(?:--dangerously-skip-permissions|--yolo\b|--trust-all-tools"
            rf"|--dangerously-bypass|--full-auto)"),
    _attack("adds-account", _C, "T1136", "adds an account or gives one rights",
            rf"\buseradd\b|net\s+user\s+\S+\s+\S+\s+/add|net\s+localgroup\s+administrators|NOPASSWD|usermod\s+{_G}(?:sudo|wheel)"),
    _attack("password-dialog", _C, "T1056.002", "asks the user for a password in the system's name",
            rf"osascript{_G}(?:hidden\s+answer|password)|zenity\s+--password|kdialog\s+--password|Get-Credential"),
    _attack("container-escape", _C, "T1611", "reaches out of its container",
            rf"docker\s+run\b{_G}(?:--privileged|-v\s+/:)|nsenter\b{_G}-t\s*1|/proc/1/root|release_agent"),
    _attack("own-library", _C, "T1218.011", "has Windows run a library it brought along",
            rf"rundll32\S*\s{_G}\.dll|rundll32\S*\s+(?!(?:shell32|user32|advpack|setupapi|printui|url)\b)\S*[/\\.\ufffc]\S*[,\s]\s*\S"
            rf"|regsvr32\S*\s+/s"),
    _attack("shadows-command", _C, "T1574.007", "puts a program in the place of a well-known one",
            r"\bmv\s+(?:-\w+\s+)?\S*/s?bin/([\w-]+)\s+\S*/\1[._-]\w+|(?:>|\bcp\s+\S+|\bln\s+-\w+\s+\S+|\bmv\s+\S+)\s+/(?:\S*/)?s?bin/"
            r"(?:ssh|sudo|su|git|python3?|pip3?|npm|node|docker|kubectl|curl|wget|ls|ps|gpg|passwd|login)\b"),
    _attack("script-downloader", _C, "T1059.005", "is a script for Windows that fetches and runs something",
            r"(?:MSXML2\.(?:Server)?XMLHTTP|WinHttp\.WinHttpRequest)[\s\S]{0,600}?(?:\bExecute|\.Run\b|SaveToFile|ShellExecute|\beval\()"),
    _attack("fork-bomb", _C, "T1499", "starts programs until nothing works any more",
            r":\s*\(\)\s*\{\s*:\s*\|\s*:\s*&"),
    _attack("publishes", _H, "T1195.002", "publishes packages",
            r"npm\s+publish|cargo\s+publish|gem\s+push|twine\S*\s+upload|poetry\s+publish|yarn\s+publish"),
    _attack("opens-page", _H, "T1204.001", "opens a page in the user's browser",
            r"\b(?:xdg-open|open|start|explorer)\s+(?:\"\"\s+)?[\"']?https?://"),
    _attack("browser-extension", _C, "T1176", "has a browser load an extension of its own",
            r"--load-extension|ExtensionInstallForcelist"),
    _attack("clipboard-command", _M, "T1115", "reads or changes the clipboard",
            r"\bxclip\b|\bxsel\b|\bpb(?:paste|copy)\b|(?:Get|Set)-Clipboard|\bwl-(?:copy|paste)\b|\bclip\.exe\b"),
    _attack("traffic-redirect", _H, "T1557", "sends the user's traffic through another machine",
            rf"git\s+config{_G}(?:http\.proxy|url\.{_G}insteadOf)|pip3?\s+config\s+set{_G}(?:index-url|proxy)"
            rf"|npm\s+(?:config\s+)?set{_G}(?:registry|proxy)|netsh{_G}portproxy|networksetup\s+-setwebproxy"),
    _attack("git-hooks", _C, "T1546", "has git run something in every repository of the user",
            rf"git\s+config\b{_G}--(?:global|system){_G}\b(?:core\.(?:hooksPath|fsmonitor|sshCommand)|init\.templateDir"
            rf"|credential\.(?:\S{{0,60}}\.)?helper(?!\s+[\"']?(?:store|cache|manager|osxkeychain|wincred|libsecret|\"\"|$)))\s+[^\s-]"),
    _attack("installs-other", _H, "T1195.002", "installs something from outside the index",
            rf"\bpip3?\s+install\b{_G}(?:git\+|https?://|--(?:extra-)?index-url|\s-i\s)|\bnpm\s+(?:i|install|exec)\b{_G}https?://"
            rf"|\bnpx\s+(?:-y\s+)?https?://|\bgem\s+install\b{_G}(?:--source|https?://)"),
    _attack("wipe", _C, "T1485", "destroys files of the user",
            r"rm\s+-\w*r\w*\s+(?:-\S+\s+)*(?:--no-preserve-root\s+)?[\"']?(?:/|~/?\*?|\$HOME/?\*?|/\*)[\"']?(?:\s|$|;|&)"
            r"|dd\s+if=/dev/(?:zero|urandom)\s+of=/dev/|mkfs\.\w+\s+/dev/|format\s+c:|del\s+/[sfq].{0,20}[a-z]:\\|rd\s+/s\s+/q\s+(?:[a-z]:|\.|%)|rm\s+-\w*r\w*f?\w*\s+\*"),
    _attack("miner", _C, "T1496", "mines crypto-currency",
            r"stratum\+(?:tcp|ssl)://|\bxmrig\b|minerd\b|--donate-level|cryptonight|nicehash|\bminexmr\b|randomx"
            rf"|\s(?:-o|--url)[\s=]+\S+:\d{{2,5}}\s{_G}(?:-u|--user)[\s=]"),
    _attack("run-downloaded", _H, "T1105", "fetches a file by a command",
            rf"\b(?:curl|wget)\b{_G}https?://{_G}(?:-o|-O|>|--output)"),
    _attack("inline-code", _H, "T1059.006", "passes code to an interpreter on its command line",
            rf"python\d?\S*\s+-c\s+{_G}(?:exec|eval|b64decode|urlopen|__import__|requests|socket)"
            rf"|node\s+(?:-e|--eval|-p)\s+{_G}(?:child_process|eval|Buffer|https?\b|process\.env|[\"\'](?:node:)?(?:net|dns|fs|os|vm|zlib|axios)\b)|perl\s+-e{_G}socket|ruby\s+-r?socket"),
)  # fmt: skip

BUILD_TOOLS = re.compile(
    r"""^\W*(?:\S{0,60}[/\\])?(?:git|hg|svn|cc|gcc|g\+\+|clang\S*|cl|make|cmake|ninja|meson|pkg-config|pkgconf|\S*-config|cython3?
    |swig|ldconfig|ld|ar|rustc|cargo|go|npm|yarn|node|uname|lsb_release|xcrun|xcode-select|sw_vers|llvm\S*|nvcc|protoc|sphinx\S*
    |pip3?|uv|pytest|tox|twine|python\S*|\ufffc)(?:\.exe)?(?:\s|$)""",
    re.VERBOSE,
)
"""Command lines that begin with what builds and tests software."""


def attack(command: str) -> Attack | None:
    """The gravest attack the command line is known as; None for an ordinary one."""
    text = command[:20_000]
    found = [known for known in ATTACKS if known.pattern.search(text)]
    return max(found, key=lambda known: known.level.rank, default=None)


_SECRET_WORDS = frozenset(
    [
        "Login Data",
        "Local State",
        "Web Data",
        "Cookies",
        "User Data",
        "Local Storage",
        "leveldb",
        "MetaMask",
        "keychain",
    ]
)


def names_secret(text: str) -> bool:
    """Does a literal of the source name a place of secrets? Paths and the few names that browsers use are looked at."""
    if not 4 < len(text) < 200 or (text.isalpha() and text not in _SECRET_WORDS):
        return False
    if not ("." in text or "/" in text or "\\" in text or "id_" in text or text in _SECRET_WORDS):
        return False
    return text.count(" ") <= 4 and "\n" not in text and SECRETS.search(text) is not None


_FACTS = (
    (re.compile(r"(?:^|[\s;&|])(?:whoami|id|logname|net\s+user)\b"), Tag.HOST_USER),
    (re.compile(r"(?:^|[\s;&|])(?:hostname|uname|systeminfo|scutil)\b"), Tag.HOST_NAME),
    (re.compile(r"(?:^|[\s;&|])(?:ifconfig|ipconfig|ip\s+a|getmac|ioreg|dmidecode|wmic)\b"), Tag.HOST_ID),
    (re.compile(r"(?:^|[\s;&|])(?:env|printenv|set)\s*(?:$|[;&|])"), Tag.ENV_ALL),
)


def facts(command: str) -> frozenset[Tag]:
    """What a command's output tells of the machine and its user."""
    return frozenset(tag for pattern, tag in _FACTS if pattern.search(command[:500]))


def handed(name: str) -> frozenset[Tag]:
    """What a parameter or field of this name holds when nothing else is known of it."""
    if WALLET_NAMES.match(name):
        return frozenset({Tag.WALLET})
    if CREDENTIAL_NAMES.match(name):
        return frozenset({Tag.CREDENTIAL})
    return frozenset({Tag.TOKEN}) if TOKEN_NAMES.match(name) else frozenset()


def environment(name: object) -> Value:
    """One variable of the environment: a secret by its name (or by one that may be meant), or just a variable."""
    name = name if isinstance(name, str) else ""
    secret = any(ENV_SECRETS.match(one) for one in name.split(ALTERNATIVE))
    name = "" if ALTERNATIVE in name else name
    tag = Tag.ENV_SECRET if secret else Tag.ENV
    if name in ("USER", "USERNAME", "LOGNAME"):
        return Value(frozenset({Tag.ENV, Tag.HOST_USER}), hint="$USER")
    if name in ("COMPUTERNAME", "HOSTNAME"):
        return Value(frozenset({Tag.ENV, Tag.HOST_NAME}), hint="$HOSTNAME")
    return Value(frozenset({tag}), hint=f"${name}" if name else "")
