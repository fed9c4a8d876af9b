rule exec_of_decoded_text {
    meta: level = "high" tactic = "T1027.010" reason = "hands decoded text to exec or eval in one breath"
    strings:
        $a = /\b(exec|eval)\s*\(\s*(compile\s*\(\s*)?(__import__\s*\(\s*['"](base64|zlib|marshal|codecs|binascii)['"]\s*\)|base64|zlib|marshal|codecs|binascii|bz2|lzma)\s*\.\s*\w{3,20}\s*\(/
        $b = /\b(exec|eval)\s*\(\s*(\w{1,20}\s*\(\s*){0,3}(b64decode|unhexlify|a85decode|b85decode|b32decode)\s*\(/
    condition: lang == "python" and any of them
}
rule lambda_chain_of_imports {
    meta: level = "high" tactic = "T1027" reason = "one lambda that decompresses, decodes and reverses its own code"
    strings:
        $a = /lambda\s+\w{1,10}\s*:\s*__import__\s*\(\s*['"](zlib|marshal|base64)['"]/
        $b = /exec\s*\(\s*\(_\)\s*\(\s*b?['"]/
    condition: lang == "python" and any of them
}
rule marshal_code_literal {
    meta: level = "high" tactic = "T1027.010" reason = "byte code kept as a literal and executed"
    strings: $a = /\bmarshal\s*\.\s*loads\s*\(\s*((zlib|base64|bz2|lzma)\s*\.\s*\w{3,20}\s*\(\s*){0,4}b?['"]/
    condition: lang == "python" and $a
}
rule exec_of_response {
    meta: level = "high" tactic = "T1105" reason = "executes the body of a web answer"
    strings:
        $a = /\b(exec|eval)\s*\(\s*(requests\.get|urlopen|urllib\.request\.urlopen|urllib2\.urlopen|httpx\.get)\s*\(/
        $b = /\beval\s*\(\s*(await\s+)?\(?\s*(await\s+)?(axios\.get|fetch)\s*\(/
    condition: any of them
}
rule eval_atob {
    meta: level = "high" tactic = "T1027.010" reason = "hands decoded text to eval or Function"
    strings:
        $a = /\b(eval|Function|new\s+Function)\s*\(\s*(atob|unescape)\s*\(/
        $b = /\b(eval|Function|new\s+Function)\s*\(\s*Buffer\s*\.\s*from\s*\([^)]{0,2000},\s*['"](base64|hex)['"]\s*\)/
    condition: lang == "javascript" and any of them
}
rule eval_char_codes {
    meta: level = "high" tactic = "T1027.010" reason = "builds code from character numbers and evaluates it"
    strings: $a = /\b(eval|Function)\s*\(\s*String\s*\.\s*fromCharCode\s*[.(]/
    condition: lang == "javascript" and $a
}
rule import_by_pieces {
    meta: level = "high" tactic = "T1027" reason = "the name of an imported module is put together from pieces"
    strings:
        $a = /__import__\s*\(\s*(['"]\w{1,6}['"]\s*\+\s*){1,8}['"]\w{1,6}['"]\s*\)/
        $b = /__import__\s*\(\s*['"](\w{2,14})['"]\s*\[\s*::\s*-1\s*\]\s*\)/
        $c = /__import__\s*\(\s*(''|"")\s*\.\s*join\s*\(/
    condition: lang == "python" and any of them
}
rule builtins_by_subscript {
    meta: level = "high" tactic = "T1027" reason = "reaches exec or eval through a dictionary of builtins"
    strings:
        $a = /__builtins__\s*(\.\s*__dict__)?\s*\[\s*['"](exec|eval|compile|__import__)['"]\s*\]/
        $b = /getattr\s*\(\s*__builtins__\s*,\s*['"](e['"+ ]*x['"+ ]*e['"+ ]*c|e['"+ ]*v['"+ ]*a['"+ ]*l)['"]\s*\)/
    condition: lang == "python" and any of them
}
rule silent_spawn {
    meta: level = "medium" tactic = "T1564.003" reason = "starts a program whose window and output are hidden"
    strings:
        $a = /creationflags\s*=\s*(subprocess\.)?(CREATE_NO_WINDOW|0x08000000|134217728)/
        $b = /windowsHide\s*:\s*true/
        $c = /detached\s*:\s*true/
        $d = /stdio\s*:\s*['"]ignore['"]/
        $e = ".unref("
        $f = /stdout\s*=\s*(subprocess\.)?DEVNULL/
    condition: ($a and $f) or ($b and $c and $d and $e)
}
rule install_script_download {
    meta: level = "high" tactic = "T1105" reason = "an install script that fetches and runs something"
    strings: $a = /"(pre|post)?install"\s*:\s*"[^"\n]{0,200}(curl|wget|powershell|iwr|Invoke-WebRequest|certutil)\b[^"\n]{0,300}"/
    condition: lang == "json" and $a
}
rule install_script_inline_code {
    meta: level = "high" tactic = "T1059.007" reason = "an install script with code on its command line"
    strings: $a = /"(pre|post)?install"\s*:\s*"[^"\n]{0,100}\bnode\s+(-e|--eval|-p)\s[^\n]{0,200}(child_process|eval\s*\(|Buffer|https?:|process\.env|['"](net|dns|fs|os|vm|https?)['"\\])/
    condition: lang == "json" and $a
}
rule builtins_by_subclasses {
    meta: level = "high" tactic = "T1027" reason = "reaches functions through the family tree of objects"
    strings:
        $a = /__subclasses__\s*\(\s*\)\s*(\[\s*-?\d+\s*\]|[^\n]{0,200}(__init__|__globals__|__import__|Popen))/
        $b = /__(base|mro|bases)__/
        $c = /(__globals__|Popen|system|__import__)/
    condition: lang == "python" and all of them
}
rule fork_without_end {
    meta: level = "high" tactic = "T1499" reason = "starts processes without end"
    strings: $a = /while\s+(True|1)\s*:\s*(\n\s*)?os\.fork\s*\(/
    condition: lang == "python" and $a
}
