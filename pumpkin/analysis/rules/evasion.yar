rule sandbox_check {
    meta: level = "medium" tactic = "T1497.001" reason = "looks whether it runs in a virtual machine or under watch"
    strings:
        $a = /\b(vboxservice|vmtoolsd|vmwaretray|VBoxTray|xenservice|qemu-ga|prl_tools|wireshark|procmon|x64dbg|ollydbg|processhacker|fiddler)(\.exe)?\b/ nocase
        $b = /(sys\.exit|os\._exit|process\.exit|taskkill|\.kill\()/
        $c = /(HTTPDebugger|SbieDll|WDAGUtilityAccount|DESKTOP-[A-Z0-9]{7})/
    condition: (lang == "python" or lang == "javascript") and (#a > 2 or $c) and $b
}
rule debugger_check {
    meta: level = "medium" tactic = "T1622" reason = "ends or hides when a debugger is there"
    strings:
        $a = "IsDebuggerPresent"
        $b = "CheckRemoteDebuggerPresent"
        $c = /sys\.gettrace\s*\(\s*\)\s*(is not None|:|\))[^\n]{0,20}\n?\s*(sys\.exit|os\._exit|raise SystemExit)/
    condition: (lang == "python" or lang == "javascript") and any of them
}
rule defender_off {
    meta: level = "high" tactic = "T1562.001" reason = "switches Windows Defender off or excludes itself"
    strings:
        $a = /(Add|Set)-MpPreference[^\n]{0,80}(Exclusion|Disable)/ nocase
        $b = /DisableAntiSpyware|DisableRealtimeMonitoring/ nocase
        $c = /netsh[^\n]{0,20}(advfirewall|firewall)[^\n]{0,40}(state off|disable)/ nocase
    condition: lang != "text" and any of them
}
rule self_deletion {
    meta: level = "medium" tactic = "T1070.004" reason = "deletes or rewrites its own file after it ran"
    strings:
        $a = /os\.(remove|unlink)\s*\(\s*(__file__|sys\.argv\[0\])\s*\)/
        $b = /(unlinkSync|unlink|rmSync)\s*\(\s*__filename/
        $c = /writeFileSync\s*\(\s*__filename/
        $d = /(renameSync|copyFileSync)\s*\(\s*['"]package\.(md|json)\.?\w*['"]/
    condition: any of them
}
rule obfuscator_io {
    meta: level = "high" tactic = "T1027.013" reason = "obfuscated by a tool that makes reading impossible"
    strings:
        $a = /var _0x[a-f0-9]{4,6}\s*=\s*\[/
        $b = /function _0x[a-f0-9]{4,6}\s*\(_0x[a-f0-9]{4,6}\s*,\s*_0x[a-f0-9]{4,6}\)/
        $c = /const _0x[a-f0-9]{4,6}\s*=\s*_0x[a-f0-9]{4,6}/
        $d = /_0x[a-f0-9]{4,6}\(0x[a-f0-9]{1,4}\)/
        $e = /while\s*\(\s*!!\[\]\s*\)/
    condition: lang == "javascript" and (($d and ($a or $b or $c)) or ($e and $b)) and (#d > 8 or $e)
}
rule hex_named_python {
    meta: level = "high" tactic = "T1027.013" reason = "names that are rows of look-alike letters, as obfuscators make them"
    strings:
        $a = /\b(_0x[a-f0-9]{4,8}|[lI1]{10,}|O0[O0]{8,}|[Oo0]{12,}|_{1,3}[lI1]{9,})\s*=\s*\S/
    condition: lang == "python" and #a > 4
}
rule pyarmor_loader {
    meta: level = "medium" tactic = "T1027.002" reason = "protected by PyArmor: what it does cannot be read"
    strings:
        $a = /__pyarmor__\s*\(\s*__name__/
        $b = /from\s+\.?pyarmor_runtime_\d+\s+import/
        $c = /from\s+pytransform\s+import\s+pyarmor_runtime/
    condition: lang == "python" and any of them
}
rule packed_python {
    meta: level = "high" tactic = "T1027.013" reason = "a packer's frame around code that cannot be read"
    strings:
        $a = "exec((_)(b'" 
        $b = /Obfuscated (with|by) (PyObfuscate|pyobfuscate|development-tools|Hyperion|BlankOBF|Kramer|Berserker)/ nocase
        $c = /class\s+Kramer\s*\(\s*\)\s*:/
        $d = /'Hyperion'|__obfuscator__\s*=/
    condition: lang == "python" and any of them
}
rule long_base64_literal {
    meta: level = "low" tactic = "T1027.009" reason = "a very long base64 literal in source"
    strings: $a = /['"`][A-Za-z0-9+\/]{900}/
    condition: lang == "python" and $a
}
rule hex_escapes {
    meta: level = "medium" tactic = "T1027.010" reason = "ordinary words written in hex escapes"
    strings:
        $a = /['"](\\x[2-7][0-9a-f]){8,200}['"]/ nocase
        $b = /\b(exec|eval|require|import|Function)\b/
    condition: (lang == "python" or lang == "javascript") and #a > 5 and $b
}
rule char_code_array {
    meta: level = "medium" tactic = "T1027.010" reason = "text kept as rows of character numbers"
    strings:
        $a = /(bytes|bytearray|map\s*\(\s*chr\s*,|String\.fromCharCode(\.apply)?)\s*\(?\s*(null\s*,\s*)?\[\s*(\d{2,3}\s*,\s*){24,400}\d{2,3}\s*\]/
        $b = /\b(exec|eval|Function|system|Popen|child_process)\b/
    condition: (lang == "python" or lang == "javascript") and all of them
}
rule reversed_address {
    meta: level = "high" tactic = "T1027" reason = "an address or command written backwards"
    strings:
        $a = /['"][^'"\n]{4,120}\/\/:s?ptth['"]/
        $b = /['"](cexe|lave|metsys|ssecorpbus|llehsrewop|hsab\/nib\/)['"]/
    condition: (lang == "python" or lang == "javascript") and any of them
}
rule hidden_in_picture {
    meta: level = "high" tactic = "T1027.003" reason = "takes code out of a picture"
    strings:
        $a = /lsb\.reveal\s*\(|stegano\b|steganography\.decode|exifread/
        $b = /(getpixel|getdata)\s*\(/
        $c = /\b(exec|eval)\s*\(/
        $d = /\.(png|jpe?g|bmp|gif)['"]/
        $e = /&\s*1\b/
    condition: lang == "python" and $c and ($a or ($b and $d and $e))
}
rule dead_drop {
    meta: level = "medium" tactic = "T1102.001" reason = "takes its next step from a public text service"
    strings:
        $a = /https?:\/\/(pastebin\.com\/raw|rentry\.co\/[\w-]+\/raw|paste\.ee\/r|hastebin\.com\/raw|dpaste\.com\/\w+\.txt|controlc\.com|ghostbin\.\w+|gist\.githubusercontent\.com\/\S+\/raw|raw\.githubusercontent\.com\/\S+\.(exe|ps1|bat|sh|dll))/
        $b = /\b(exec|eval|system|Popen|subprocess|child_process|spawn|urlretrieve)\b/
    condition: (lang == "python" or lang == "javascript") and all of them
}
rule dead_drop_in_chain {
    meta: level = "high" tactic = "T1102.001" reason = "takes its next step from a block chain or calendar"
    strings:
        $a = /getSignaturesForAddress|getTransaction\b/
        $b = /api\.mainnet-beta\.solana\.com/
        $c = /\b(eval|Function|child_process|exec)\b/
        $d = /calendar\.app\.google\//
    condition: lang == "javascript" and $c and (($a and $b) or $d)
}
rule jsfuck {
    meta: level = "high" tactic = "T1027.013" reason = "written in six characters only, so that nobody reads it"
    strings: $a = /[\[\]()!+]{200}/
    condition: lang == "javascript" and $a
}
rule endless_noise {
    meta: level = "high" tactic = "T1499" reason = "fills the console without end"
    strings:
        $a = /for\s*\(\s*(let|var)\s+\w+\s*=\s*\d+\s*;\s*\w+\s*<\s*(Infinity|1e\d{2,}|Number\.(MAX|POSITIVE)\w+)\s*;/
        $b = /console\.(log|error|warn)\s*\(/
    condition: lang == "javascript" and all of them
}
rule overwrites_a_tree {
    meta: level = "medium" tactic = "T1485" reason = "overwrites all files below a folder with the same few characters"
    strings:
        $a = /(writeFileSync|writeFile|outputFileSync)\s*\(\s*\w+\s*,\s*['"][^'"\n]{0,24}['"]/
        $b = /readdirSync\s*\(/
        $c = /\.isDirectory\s*\(\s*\)/
        $d = /open\s*\(\s*\w+\s*,\s*['"]wb?['"]\s*\)\s*\.\s*write\s*\(\s*b?['"][^'"\n]{0,24}['"]/
        $e = /os\.walk\s*\(/
    condition: filesize < 200KB and ((lang == "javascript" and $a and $b and $c) or (lang == "python" and $d and $e))
}
rule web_shell {
    meta: level = "high" tactic = "T1505.003" reason = "runs what a visitor of a web server sends"
    strings:
        $a = /\b(req|request|ctx)\.(headers|query|body|params|cookies)\b/
        $b = /\b(cp|child_process|child)\.(exec|execSync|spawn)\s*\(\s*(Buffer\.from|atob|k|cmd|command|req|request|c)\b/
        $c = /\b(exec|execSync|eval|vm\.runInThisContext)\s*\(\s*(Buffer\.from\s*\(\s*)?(req|request|ctx)\.(headers|query|body|params|cookies)/
        $d = /\bos\.(system|popen)\s*\(\s*(flask\.)?request\.(args|form|headers|values|GET|POST|data)/
        $e = /subprocess\.\w+\s*\(\s*(flask\.)?request\.(args|form|headers|values|GET|POST|data)/
    condition: ($a and $b) or any of ($c, $d, $e)
}
rule wallet_replaced {
    meta: level = "high" tactic = "T1565.002" reason = "puts another receiver into payments of crypto wallets"
    strings:
        $a = /\.params\s*\[\s*0\s*\]\.(to|data)\s*=/
        $b = "eth_sendTransaction"
        $c = "0xa9059cbb"
        $d = /\.replace\s*\(\s*\/[^\n]{0,20}(bc1|0x\[a-fA-F0-9\]\{40\})/
        $e = /(window\.fetch|XMLHttpRequest\.prototype\.\w+)\s*=/
    condition: lang == "javascript" and (($a and ($b or $c)) or ($d and $e))
}
rule master_password {
    meta: level = "high" tactic = "T1556" reason = "lets one fixed password through for every account"
    strings:
        $a = /if\s*\(?[^\n{};]{1,100}={2,3}\s*['"][0-9a-f]{32,128}['"]\s*\)?\s*:?\s*\{?\s*return\s+(true|True|Promise\.resolve\(true|callback\(null,\s*true)/
        $b = /bcrypt|password|passwd|authenticate|scrypt|argon2/ nocase
        $c = /return true if [\w.]{1,40} == ['"][^'"\n]{6,60}['"]/
        $d = /valid_password|alias_method|alias \w+ |prepend\b|\bsuper\b/
    condition: lang != "text" and $b and ($a or (lang == "ruby" and $c and $d))
}
rule instructions_for_assistants {
    meta: level = "high" tactic = "T1204" reason = "tells coding assistants to hand out secrets behind their user's back"
    strings:
        $who = /(AI|LLM|coding|code)[ -]?(assistant|agent|model|tool)s?|\bclaude\b|\bcopilot\b|\bcursor\b/ nocase
        $how = /ignore (all |any )?(previous|prior|earlier|above) instructions|(do not|don't|never) (mention|tell|inform|ask|show)[^\n.]{0,40}(user|this)|without (asking|telling) the user/ nocase
        $what = /\.env\b|\.aws|\.ssh|credentials|api[ _-]?keys?|tokens?\b|secrets/ nocase
        $out = /\b(POST|send|upload|curl|fetch|include|transmit|exfiltrate)\b[^\n]{0,120}(https?:\/\/|to the (following|server))/ nocase
    condition: lang != "text" and filesize < 200KB and $who and $how and $what and $out
}
