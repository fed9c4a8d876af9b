"""The description of the API against the running program: nonsense in every parameter is answered as it says."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any
from uuid import uuid4

from tests.acceptance.product import Product

NONSENSE = ("zz", str(uuid4()), "%00", "x%2Fy")
BODIES = (None, b"{}", b"[", b"\xff")


def asked(product: Product, key: str, method: str, path: str, body: bytes | None) -> tuple[int, str]:
    """Status and media type."""
    connection = http.client.HTTPConnection(product.url.removeprefix("http://"), timeout=30)
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    connection.request(method.upper(), path, body, headers)
    answer = connection.getresponse()
    media = (answer.getheader("Content-Type") or "").partition(";")[0]
    connection.close()
    return answer.status, media


def media_of(document: dict[str, Any], answer: dict[str, Any]) -> set[str]:
    while "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return set(answer.get("content", {}))


def test_nonsense_is_answered_as_the_description_says(product: Product) -> None:
    key = product.key("checks:write", "checks:read", "admin")
    document = json.loads(product.request("/openapi.json")[2])
    found: list[tuple[object, ...]] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for word in NONSENSE if "{" in path else ("",):
                for body in BODIES if method in ("post", "put", "patch") else (None,):
                    status, media = asked(product, key, method, re.sub(r"\{[^}]*\}", word, path), body)
                    answers = operation["responses"]
                    if str(status) not in answers:
                        found.append((method, path, word, status, sorted(answers)))
                    elif (kinds := media_of(document, answers[str(status)])) and media not in kinds:
                        found.append((method, path, word, status, media, sorted(kinds)))
    assert found == []
