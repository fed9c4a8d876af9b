"""Rule files as data: `NAME.yar` holds YARA-X rules, `NAME.toml` beside it an example that hits and one that does not.

Each rule's meta says `level`, `tactic` (ATT&CK) and `reason`; the variable `lang` is `python`, `javascript`, `shell`,
`json` or `text`.
"""
