"""What an address answers over HTTP: status, time, size and hash of the content, redirects."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from typing import Any

import aiohttp

TIMEOUT_S = 25.0
CONTENT_LIMIT = 64 * 1024 * 1024
_TITLE = re.compile(rb"<title[^>]*>([^<]{0,300})", re.IGNORECASE)


def measure(target: str) -> dict[str, Any]:
    """`target` is a URL (https:// is put before a bare name)."""
    return asyncio.run(_get(target if "://" in target else f"https://{target}"))


async def _get(url: str) -> dict[str, Any]:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    began = time.perf_counter()
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, max_redirects=10) as answer:
            first_byte_s = time.perf_counter() - began
            digest, size, opening = hashlib.sha256(), 0, b""
            async for part in answer.content.iter_chunked(65_536):
                digest.update(part)
                size += len(part)
                opening = (opening + part)[:65_536]
                if size > CONTENT_LIMIT:
                    raise ValueError(f"the content is larger than {CONTENT_LIMIT} bytes")
            title = _TITLE.search(opening)
            return {
                "url": url,
                "final_url": str(answer.url),
                "redirects": len(answer.history),
                "status": answer.status,
                "reason": answer.reason or "",
                "media": answer.content_type,
                "server": answer.headers.get("Server", "")[:200],
                "first_byte_s": round(first_byte_s, 6),
                "latency_s": round(time.perf_counter() - began, 6),
                "size": size,
                "sha256": digest.hexdigest(),
                "title": title[1].decode("utf-8", "replace").strip() if title else "",
            }
    except aiohttp.ClientError as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    except TimeoutError as error:
        raise OSError(f"no answer within {TIMEOUT_S:g} s") from error
