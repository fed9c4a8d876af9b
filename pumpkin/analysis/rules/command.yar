rule reverse_shell {
    meta: level = "high" tactic = "T1059.004" reason = "opens a reverse shell"
    strings:
        $a = /\/dev\/tcp\/\d{1,3}(\.\d{1,3}){3}\/\d{2,5}/
        $b = /\bnc(\.traditional)?\s+(-\w+\s+){0,3}-\w*e\w*\s+\/bin\/(ba)?sh/
        $c = /os\.dup2\s*\(\s*\w+\.fileno\s*\(\s*\)\s*,\s*[012]\s*\)/
        $d = /pty\.spawn\s*\(\s*['"]\/bin\//
        $e = /(subprocess|pty)/
        $f = /\bbash\s+-i\s+>&/
    condition: lang != "text" and (any of ($a, $b, $f) or ($c and $e and ($d or #c > 1)))
}
rule reverse_shell_node {
    meta: level = "high" tactic = "T1059.007" reason = "connects a shell to a socket"
    strings:
        $a = /\.pipe\s*\(\s*\w+\.stdin\s*\)/
        $b = /\.stdout\.pipe\s*\(/
        $c = /new\s+net\.Socket|net\.(connect|createConnection)|require\s*\(\s*['"](node:)?net['"]/
        $d = /['"](\/bin\/(ba)?sh|cmd(\.exe)?|powershell(\.exe)?)['"]/
    condition: lang == "javascript" and all of them
}
rule powershell_encoded {
    meta: level = "high" tactic = "T1059.001" reason = "PowerShell with an encoded or hidden command"
    strings:
        $a = /powershell(\.exe)?[^\n]{0,120}\s-(e|en|enc|encodedcommand)['",\s]+[A-Za-z0-9+\/=]{20,}/ nocase
        $b = /powershell(\.exe)?[^\n]{0,120}-w(indowstyle)?['",\s]+hidden/ nocase
        $c = /IEX\s*\(?\s*\(?\s*New-Object\s+(System\.)?Net\.WebClient/ nocase
    condition: lang != "text" and any of them
}
rule download_cradle {
    meta: level = "high" tactic = "T1105" reason = "fetches a script and hands it to a shell"
    strings:
        $a = /(curl|wget)\s[^\n|;'"]{0,200}https?:\/\/\d{1,3}(\.\d{1,3}){3}[^\n|]{0,200}\|\s*(ba|z)?sh\b/
        $b = /(system|exec|execSync|Popen|run|call|check_output)\s*\(\s*f?['"`](curl|wget)\s[^\n|]{0,200}\|\s*(sudo\s+)?(ba|z|da)?sh\b/
    condition: (lang == "python" or lang == "javascript" or lang == "json" or lang == "shell") and any of them
}
rule windows_tool_abused {
    meta: level = "high" tactic = "T1218" reason = "a Windows system tool made to fetch or run code"
    strings:
        $a = /certutil(\.exe)?\s[^\n]{0,40}-urlcache/ nocase
        $b = /bitsadmin(\.exe)?\s[^\n]{0,40}\/transfer/ nocase
        $c = /mshta(\.exe)?\s+['"]?(https?:|javascript:)/ nocase
        $d = /regsvr32(\.exe)?\s[^\n]{0,40}\/i:https?/ nocase
        $e = /rundll32(\.exe)?\s+javascript:/ nocase
    condition: lang != "text" and any of them
}
rule crypto_miner {
    meta: level = "high" tactic = "T1496" reason = "mines crypto-currency"
    strings:
        $a = /stratum\+(tcp|ssl):\/\//
        $b = /\bxmrig\b/ nocase
        $c = /(pool\.minexmr|supportxmr|nanopool|hashvault|moneroocean|2miners|unmineable)\.(com|pro|org|stream)/ nocase
        $d = /--(donate-level|randomx|coin[= ]monero|algo[= ]rx)/
        $e = /mining\.(subscribe|authorize|submit)/
        $f = /["']?method["']?\s*:\s*["'](login|submit)["']/
        $g = "nonce"
        $h = /\b(pool|miner|hashrate|target)\b/
    condition: (lang == "python" or lang == "javascript" or lang == "shell") and ($a or $d or $e or ($b and $c) or #b > 3 or (#f > 1 and $g and $h))
}
rule shellcode_loader {
    meta: level = "high" tactic = "T1055" reason = "puts machine code into memory and runs it"
    strings:
        $a = "VirtualAlloc"
        $b = "RtlMoveMemory"
        $c = "CreateThread"
        $d = "WriteProcessMemory"
        $e = "CreateRemoteThread"
        $f = /(\\x[0-9a-f]{2}){40,}/ nocase
        $g = /PROT_EXEC/
        $h = /CFUNCTYPE\s*\(/
        $i = /b64decode|unhexlify|fromhex|urlopen|requests\.get/
    condition: lang == "python" and (($a and $b and $c) or ($d and $e) or ($g and $h and ($f or $i)))
}
rule dll_injection {
    meta: level = "high" tactic = "T1055.001" reason = "loads a library into another process"
    strings:
        $a = "OpenProcess"
        $b = "VirtualAllocEx"
        $c = "LoadLibraryA"
        $d = "CreateRemoteThread"
    condition: (lang == "python" or lang == "javascript") and $b and $d and ($a or $c)
}
rule fetched_program_run {
    meta: level = "high" tactic = "T1105" reason = "fetches a Windows program and starts it"
    strings:
        $a = /https?:\/\/[^\s'"`]{4,200}\.(exe|scr|msi|bat|ps1|vbs)\b/
        $b = /(urlretrieve|requests\.get|urlopen|https?\.get|fetch\(|axios|wget\.download|createWriteStream)/
        $c = /(os\.startfile|subprocess\.(Popen|call|run)|os\.system|execFile(Sync)?|child_process|spawn(Sync)?)\b/
        $d = /(TEMP|APPDATA|tempfile|tmpdir\(|ProgramData|\\Users\\Public)/ nocase
    condition: (lang == "python" or lang == "javascript") and all of them
}
rule ransom_note {
    meta: level = "high" tactic = "T1486" reason = "encrypts the user's files for ransom"
    strings:
        $a = /your (files|documents|data)[^\n]{0,60}(have been|are|were) encrypted/ nocase
        $b = /(bitcoin|btc|monero|xmr|ransom|decrypt(ion)? key)/ nocase
        $c = /os\.walk\s*\(|readdirSync/
        $d = /(Fernet|AES\.new|createCipheriv|encrypt)\b/
    condition: (lang == "python" or lang == "javascript") and all of them
}
rule wiper {
    meta: level = "high" tactic = "T1485" reason = "deletes everything it can reach"
    strings:
        $a = /rm\s+-rf\s+(--no-preserve-root\s+)?(\/|~|\$HOME)(\/\*)?\s*['"`;&|]/
        $b = /shutil\.rmtree\s*\(\s*(os\.path\.expanduser\s*\(\s*['"]~['"]|['"]\/['"]|Path\.home\(\))/
        $c = /rmSync\s*\(\s*(os\.homedir\(\)|['"]\/['"])/
    condition: (lang == "python" or lang == "javascript" or lang == "json") and any of them
}
rule remote_control_bot {
    meta: level = "high" tactic = "T1219" reason = "takes commands from a chat and runs them"
    strings:
        $a = /(discord\.(Client|ext)|commands\.Bot|telebot\.TeleBot|telegram\.ext|irc\.bot)/
        $b = /(subprocess\.(run|Popen|check_output|getoutput)|os\.(system|popen))\s*\(\s*(message|ctx|command|args|content|msg|cmd)\b/
    condition: lang == "python" and all of them
}
rule shell_from_http {
    meta: level = "high" tactic = "T1059" reason = "runs as a command what a web server answered"
    strings:
        $a = /(os\.system|os\.popen|subprocess\.(run|call|Popen|check_output|getoutput))\s*\(\s*(requests\.get|urlopen|urllib\.request\.urlopen|httpx\.get)\s*\(/
        $b = /(exec|execSync)\s*\(\s*(await\s+)?\(?\s*(await\s+)?(axios|fetch)\b/
    condition: any of them
}
