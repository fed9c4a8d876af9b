"""A kept report's document as the output formats want it: what was judged, the artifact, the proof of its time."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from pumpkin.model.deliveries import Item


def scanned(item: Item) -> dict[str, Any] | None:
    """The report as `analysis.outputs` takes it; None where there is no document, or it holds no artifact."""
    document = item.report or {}
    results, package = document.get("analysis_results"), document.get("metadata", {}).get("package", {})
    if not isinstance(results, Mapping) or not isinstance(results.get("verdict"), Mapping):
        return None
    file, verdict = results.get("artifact") or {}, results["verdict"]
    artifact = {
        "name": file.get("name") or package.get("name") or "package",
        "sha256": file.get("sha256"),
        "size": file.get("size"),
        "ecosystem": package.get("ecosystem"),
        "package": package.get("name"),
        "version": package.get("version"),
        "purl": package.get("purl"),
    }
    if not artifact["sha256"]:
        return None
    return {
        "outcome": verdict.get("outcome"),
        "score": verdict.get("score", 0),
        "why": verdict.get("why", ()),
        "not_checked": verdict.get("not_checked", ()),
        "findings": results.get("findings", ()),
        "rules": results.get("rules", ""),
        "created": document.get("metadata", {}).get("created_at"),
        "artifact": artifact,
        "proof": token(item),
    }


def token(item: Item) -> dict[str, Any] | None:
    """The first authority's token over the record, where there is one: `{"token": base64, "sha256": of what it is over,
    "gen_time", "authority"}`."""
    stamps = (item.proof or {}).get("stamps") or []
    if not stamps:
        return None
    first = stamps[0]
    return {
        "token": base64.b64encode(bytes.fromhex(first["token"])).decode(),
        "sha256": hashlib.sha256(bytes.fromhex(first["anchor"])).hexdigest(),
        "gen_time": first.get("gen_time"),
        "authority": first.get("authority"),
    }
