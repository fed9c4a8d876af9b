"""One HTML page of a report that stands alone: no script, nothing loaded from anywhere, every text escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from pumpkin.analysis.outputs import Report, facts
from pumpkin.model.findings import plain

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c1a17; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ddd }
code { font: 14px ui-monospace, monospace; overflow-wrap: anywhere }
.critical, .high { color: #a3140e; font-weight: 600 } .medium { color: #8a4b00 }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #181614 } th, td { border-color: #444 }
  .critical, .high { color: #ff9b8f } .medium { color: #ffc27a }
}
"""


def write(report: Report) -> str:
    report = plain(report)
    artifact = report["artifact"]
    why = "".join(f"<li>{escape(str(line))}</li>" for line in report.get("why", ()))
    gaps = "".join(f"<li>{escape(str(line))}</li>" for line in report.get("not_checked", ()))
    rows = "".join(_row(finding) for finding in report["findings"])
    about = {"Artifact": artifact["name"], "SHA-256": artifact.get("sha256", ""), "Rule set": report.get("rules", "")}
    lines = "".join(
        f"<tr><th scope=row>{escape(k)}</th><td><code>{escape(str(v))}</code></td></tr>" for k, v in about.items()
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(facts.package(report))}: '
        f"{escape(str(report['outcome']))}</title><style>{_STYLE}</style></head>\n<body><main>"
        f"<h1>{escape(facts.sentence(report))}</h1><table>{lines}</table>"
        f"<h2>Why</h2><ul>{why}</ul>"
        + (f"<h2>Not looked at</h2><ul>{gaps}</ul>" if gaps else "")
        + "<h2>Findings</h2><table><thead><tr><th>Level</th><th>What</th><th>Where</th><th>Quote</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></main></body></html>\n"
    )


def _row(finding: dict[str, Any]) -> str:
    where = f"{finding['file']}:{finding['line']}" if finding["line"] else finding["file"]
    technique = f" ({finding['tactic']})" if finding["tactic"] else ""
    return (
        f'<tr><td class="{escape(finding["level"])}">{escape(finding["level"])}</td>'
        f"<td>{escape(finding['reason'])}{escape(technique)}<br><code>{escape(finding['rule'])}</code></td>"
        f"<td><code>{escape(where)}</code></td><td><code>{escape(finding['quote'])}</code></td></tr>"
    )
