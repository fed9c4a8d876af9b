"""A report in the formats others read: SARIF 2.1.0, OSV, STIX 2.1, MISP, CycloneDX 1.6, HTML.

Each takes the JSON of `pumpkin scan` or of a whole analysis: `outcome`, `score`, `why`, `findings`, `not_checked`,
`artifact` (name, ecosystem, sha256, size, where known purl and version) and `rules`; `created` (RFC 3339) and `proof`
(`{"token": base64 DER, "gen_time", "authority"}`) where there are any. STIX, MISP and CycloneDX come from the formats'
own libraries, the extra `formats`; without it they raise `FormatMissing`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from pumpkin.model.findings import plain

Report = Mapping[str, Any]


class FormatMissing(ImportError):
    """This format needs the extra `formats`: install `pumpkin[formats]`."""


MEDIA = {
    "json": "application/json", "sarif": "application/sarif+json", "stix": "application/stix+json;version=2.1",
    "misp": "application/json", "cyclonedx": "application/vnd.cyclonedx+json;version=1.6", "osv": "application/json",
    "html": "text/html; charset=utf-8",
}  # fmt: skip
"""The formats there are, and the media type of each."""


def write(report: Report, form: str) -> str:
    """The report as text in the format; KeyError for an unknown one, FormatMissing when its library is not there.

    Characters that no eye sees, that turn a line round or that no encoding has are written as escapes (`\\u202e`).
    """
    if form == "json":
        return json.dumps(plain(report), indent=2, default=str) + "\n"
    if form not in MEDIA:
        raise KeyError(form)
    room = "page" if form == "html" else form
    try:
        module = import_module(f"pumpkin.analysis.outputs.{room}")
    except ImportError as error:
        raise FormatMissing(str(FormatMissing.__doc__)) from error
    writer: Callable[[Report], str] = module.write
    return writer(report)
