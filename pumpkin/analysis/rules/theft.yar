rule discord_webhook {
    meta: level = "high" tactic = "T1567.004" reason = "carries the address of a Discord webhook"
    strings: $a = /discord(app)?\.com\/api\/(v\d+\/)?webhooks\/\d{6,}\/[\w-]{8,}/
    condition: lang != "text" and $a
}
rule telegram_bot {
    meta: level = "high" tactic = "T1567" reason = "carries the address and token of a Telegram bot"
    strings:
        $a = /api\.telegram\.org\/bot\d{6,12}:[\w-]{20,}/
        $b = /['"]\d{8,12}:AA[\w-]{30,40}['"]/
    condition: lang != "text" and any of them
}
rule out_of_band_host {
    meta: level = "high" tactic = "T1071.004" reason = "names a host made to catch call-backs"
    strings: $a = /\b[\w.-]{1,60}\.(oastify\.com|oast\.(fun|live|me|online|pro|site)|interact\.sh|burpcollaborator\.net|dnslog\.cn|ceye\.io|requestcatcher\.com|requestbin\.net|m\.pipedream\.net|webhook\.site)\b/
    condition: lang != "text" and $a
}
rule webhook_site {
    meta: level = "high" tactic = "T1567" reason = "posts to a public collector of requests"
    strings: $a = /https?:\/\/(webhook\.site|hookb\.in|\w{1,40}\.x\.pipedream\.net|\w{1,40}\.beeceptor\.com)\/?[\w-]{0,60}/
    condition: lang != "text" and $a
}
rule browser_passwords {
    meta: level = "high" tactic = "T1555.003" reason = "reads passwords kept by browsers"
    strings:
        $a = "Login Data" nocase
        $b = "Local State" nocase
        $c = "encrypted_key"
        $d = "CryptUnprotectData"
        $e = "User Data" nocase
        $f = "logins.json"
    condition: lang != "text" and (($a and ($b or $c or $d)) or ($e and $c) or ($d and $f))
}
rule discord_tokens {
    meta: level = "high" tactic = "T1528" reason = "looks for Discord tokens on disk"
    strings:
        $a = /\[\\w-\]\{2[46]\}\\\.\[\\w-\]\{6\}/
        $b = "mfa\\.[\\w-]{84}"
        $c = /discord(canary|ptb)?[\\\/'", ]{1,6}Local Storage/ nocase
        $d = "dQw4w9WgXcQ:"
    condition: lang != "text" and any of them
}
rule wallet_files {
    meta: level = "high" tactic = "T1005" reason = "looks for the files of crypto wallets"
    strings:
        $a = "wallet.dat" nocase
        $b = /Exodus[\\\/]{1,2}exodus\.wallet/ nocase
        $c = "nkbihfbeogaeaoehlefnkodbefgpgknn"
        $d = /Electrum[\\\/]{1,2}wallets/ nocase
        $e = /atomic[\\\/]{1,2}Local Storage/ nocase
        $f = "bfnaelmomeimhlpmgjnjophhpkkoljpa"
        $g = /solana[\\\/]id\.json/
    condition: lang != "text" and (2 of them or any of ($b, $c, $f))
}
rule secret_files_of_developers {
    meta: level = "medium" tactic = "T1552.001" reason = "names several files in which developers keep secrets"
    strings:
        $a = ".aws/credentials"
        $b = /\.ssh\/id_(rsa|ed25519)/
        $c = ".npmrc"
        $d = ".pypirc"
        $e = ".git-credentials"
        $f = ".docker/config.json"
        $g = ".kube/config"
        $h = ".netrc"
        $i = "gcloud/application_default_credentials"
    condition: lang != "text" and 4 of them
}
rule secret_scanner_on_install {
    meta: level = "high" tactic = "T1552.001" reason = "runs a secret scanner from a package"
    strings:
        $a = /trufflehog[^\n]{0,80}(filesystem|--json|releases\/download)/ nocase
        $b = /gitleaks[^\n]{0,40}(detect|dir) / nocase
    condition: (lang == "javascript" or lang == "python" or lang == "json") and any of them
}
rule keylogger {
    meta: level = "high" tactic = "T1056.001" reason = "records what is typed"
    strings:
        $a = /from\s+pynput(\.keyboard)?\s+import/
        $b = /Listener\s*\(\s*on_press\s*=/
        $c = "SetWindowsHookEx"
        $d = "GetAsyncKeyState"
        $e = /keyboard\.(hook|on_press|on_release|record)\s*\(/
        $f = /(requests\.post|webhook|sendmail|smtplib|urlopen|socket\.send)/
    condition: lang == "python" and (($a and $b) or $c or $d or $e) and $f
}
rule screen_capture_sent {
    meta: level = "high" tactic = "T1113" reason = "takes pictures of the screen and can send them"
    strings:
        $a = "ImageGrab.grab("
        $b = "pyautogui.screenshot("
        $c = /mss\s*\(\s*\)\s*\.\s*(shot|grab)/
        $d = /(requests\.post|webhook|sendmail|smtplib|urlopen|\.sendall?\()/
    condition: lang == "python" and any of ($a, $b, $c) and $d
}
rule clipboard_swap {
    meta: level = "high" tactic = "T1115" reason = "watches the clipboard for addresses of crypto wallets"
    strings:
        $a = /(pyperclip|clipboardy?)\.(paste|copy|readSync|writeSync)\s*\(/
        $b = /\^?\(?\[?(bc1|\[13\]\[[a-zA-Z1-9]|0x\[a-fA-F0-9\]\{40\}|T\[A-Za-z1-9\]\{33\})/
        $c = /navigator\.clipboard\.(readText|writeText)/
    condition: ($a or $c) and $b
}
rule wallet_address_swap {
    meta: level = "high" tactic = "T1565.002" reason = "replaces addresses of crypto wallets in web traffic"
    strings:
        $a = /window\.ethereum/
        $b = /\beth_sendTransaction\b/
        $c = /\b0x[a-fA-F0-9]{40}\b/
        $d = /(XMLHttpRequest\.prototype\.(open|send)\s*=|window\.fetch\s*=|globalThis\.fetch\s*=)/
    condition: lang == "javascript" and $d and ($a or $b) and $c
}
rule whole_environment_out {
    meta: level = "high" tactic = "T1082" reason = "packs the whole environment to be sent"
    strings:
        $a = /JSON\.stringify\s*\(\s*(\{[^}]{0,200})?process\.env\s*[,)}]/
        $b = /json\.dumps\s*\(\s*dict\s*\(\s*os\.environ\s*\)/
        $c = /(data|json|params)\s*=\s*(dict\s*\(\s*)?os\.environ\b\s*(\.copy\(\))?\s*[,)]/
        $d = /(https?\.request|fetch\s*\(|axios|XMLHttpRequest|urlopen|requests\.post|http\.client|\.post\s*\()/
    condition: lang != "text" and any of ($a, $b, $c) and $d
}
rule host_facts_collected {
    meta: level = "medium" tactic = "T1082" reason = "collects host name, user name and folders together"
    strings:
        $a = /os\.hostname\s*\(\s*\)/
        $b = /os\.userInfo\s*\(\s*\)/
        $c = /os\.homedir\s*\(\s*\)/
        $d = /(__dirname|process\.cwd\s*\(\s*\))/
        $e = /dns\.getServers\s*\(/
        $f = /(https?\.request|fetch\s*\(|axios|dns\.(lookup|resolve)|https?\.get)/
        $g = /socket\.gethostname\s*\(/
        $h = /getpass\.getuser\s*\(/
        $i = /os\.getcwd\s*\(/
        $j = /(urlopen|requests\.(get|post)|http\.client|gethostbyname)/
    condition: (lang == "javascript" and $a and ($b or $e) and ($c or $d or $e) and $f) or (lang == "python" and $g and $h and $i and $j)
}
rule public_address_lookup {
    meta: level = "medium" tactic = "T1016" reason = "asks a public service for this machine's address"
    strings: $a = /https?:\/\/(api\.ipify\.org|ipinfo\.io\/(json|ip)|ip-api\.com\/json|ifconfig\.me|icanhazip\.com|checkip\.amazonaws\.com|api\.myip\.com|ipapi\.co\/json|geolocation-db\.com\/jsonp?)/
    condition: (lang == "python" or lang == "javascript") and $a
}
rule cloud_metadata {
    meta: level = "medium" tactic = "T1552.005" reason = "asks the cloud's metadata service for credentials"
    strings:
        $a = "169.254.169.254/latest/meta-data/iam/security-credentials"
        $b = "169.254.170.2"
        $c = /metadata\.google\.internal\/computeMetadata\/v1\/instance\/service-accounts/
    condition: lang != "text" and 2 of them
}
rule npm_worm {
    meta: level = "high" tactic = "T1195.002" reason = "publishes packages with tokens it found: a worm"
    strings:
        $a = /npm\s+publish\b/
        $b = /_authToken|NPM_TOKEN|\.npmrc/
        $c = /(registry\/-\/whoami|npm\s+whoami|maintainer:|-\/v1\/search\?text=maintainer)/
    condition: (lang == "javascript" or lang == "python") and all of them
}
rule repository_made_public {
    meta: level = "high" tactic = "T1567.001" reason = "creates repositories to put stolen data in"
    strings:
        $a = /api\.github\.com\/user\/repos/
        $b = /(double.?base64|Shai-?Hulud|process\.env|trufflehog|toJSON\(secrets\))/ nocase
        $c = /"?private"?\s*:\s*false/
    condition: (lang == "javascript" or lang == "python") and all of them
}
