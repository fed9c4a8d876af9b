rule run_key {
    meta: level = "medium" tactic = "T1547.001" reason = "names the registry key from which Windows starts programs"
    strings:
        $a = /CurrentVersion\\{1,2}Run(Once)?\b/ nocase
        $b = /(SetValueEx|reg(\.exe)?\s+add|Set-ItemProperty|RegSetValue|winreg|New-ItemProperty)/ nocase
    condition: lang != "text" and all of them
}
rule startup_folder {
    meta: level = "medium" tactic = "T1547.001" reason = "writes into the folder from which Windows starts programs"
    strings:
        $a = /Start Menu\\{1,2}Programs\\{1,2}Startup/ nocase
        $b = /Start Menu['"]?\s*,\s*['"]?Programs['"]?\s*,\s*['"]?Startup/ nocase
    condition: lang != "text" and any of them
}
rule shell_profile_appended {
    meta: level = "medium" tactic = "T1546.004" reason = "adds lines to a shell's profile"
    strings:
        $a = />>\s*(~|\$HOME|\$\{HOME\})?\/?[\w.\/]{0,20}\.(bashrc|zshrc|profile|bash_profile)\b/
        $b = /open\s*\([^)\n]{0,80}\.(bashrc|zshrc|bash_profile)['"][^)\n]{0,10},\s*['"]a/
        $c = /appendFile(Sync)?\s*\([^)\n]{0,80}\.(bashrc|zshrc|bash_profile)/
    condition: (lang == "python" or lang == "javascript") and any of them
}
rule cron_written {
    meta: level = "medium" tactic = "T1053.003" reason = "sets up a cron job"
    strings:
        $a = /crontab\s+-\s*['"`]|\|\s*crontab\s+-/
        $b = /@reboot\s+\S/
        $c = /['"]\/etc\/cron\.(d|hourly|daily)\//
        $d = /\*\/\d{1,2} \* \* \* \*[^\n]{0,80}(curl|wget|python|node|sh)\b/
    condition: (lang == "python" or lang == "javascript" or lang == "shell") and (($a and ($b or $d)) or ($c and ($b or $d)) or ($b and $d))
}
rule systemd_unit_dropped {
    meta: level = "medium" tactic = "T1543.002" reason = "writes and enables a service of the user"
    strings:
        $a = "[Service]"
        $b = /ExecStart\s*=/
        $c = /systemctl\s+(--user\s+)?(enable|start|daemon-reload)|['"]systemctl['"]/
        $d = /\.config\/systemd\/user|\/etc\/systemd\/system/
    condition: (lang == "python" or lang == "javascript") and all of them
}
rule launch_agent {
    meta: level = "medium" tactic = "T1543.001" reason = "writes an agent that macOS starts"
    strings:
        $a = /Library\/Launch(Agents|Daemons)/
        $b = "RunAtLoad"
        $c = /launchctl/
    condition: (lang == "python" or lang == "javascript") and $a and ($b or $c)
}
rule scheduled_task {
    meta: level = "medium" tactic = "T1053.005" reason = "creates a scheduled task of Windows"
    strings:
        $a = /schtasks(\.exe)?['",\s]{1,6}\/create/ nocase
        $b = /Register-ScheduledTask/ nocase
    condition: lang != "text" and any of them
}
rule authorized_key_added {
    meta: level = "high" tactic = "T1098.004" reason = "adds a key that may log in"
    strings:
        $a = /\.ssh\/authorized_keys/
        $b = /ssh-(rsa|ed25519) AAAA[A-Za-z0-9+\/]{20,}/
    condition: lang != "text" and all of them
}
rule python_startup_hook {
    meta: level = "low" tactic = "T1546.018" reason = "writes a file that each start of Python runs"
    strings:
        $a = /(getsitepackages|getusersitepackages|purelib|USER_SITE|site-packages)/
        $b = /['"][\w.\/-]{0,40}(\.pth|sitecustomize\.py|usercustomize\.py)['"]/
        $c = /(open\s*\(|write_text\s*\()/
        $d = /import\s+(os|sys|base64|socket|urllib|subprocess)\s*[;,]|exec\s*\(/
    condition: lang == "python" and all of them
}
rule git_hook_written {
    meta: level = "medium" tactic = "T1546" reason = "writes hooks into the user's repositories"
    strings:
        $a = /\.git\/hooks\/(pre-commit|post-checkout|post-merge|pre-push)/
        $b = /(chmod|0o?755|writeFile|open\s*\()/
        $c = /(curl|wget|base64|\bnc\b|\/dev\/tcp)/
    condition: (lang == "python" or lang == "javascript") and all of them
}
rule workflow_dropped {
    meta: level = "high" tactic = "T1195.002" reason = "writes a GitHub workflow that hands out secrets"
    strings:
        $a = /\.github\/workflows\//
        $b = /toJSON\s*\(\s*secrets\s*\)/
    condition: (lang == "python" or lang == "javascript") and all of them
}
