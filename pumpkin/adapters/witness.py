"""Ask a witness over HTTP to cosign a checkpoint (C2SP tlog-witness, `add-checkpoint`), under one total deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import aiohttp

from pumpkin.errors import WitnessError
from pumpkin.evidence import witness
from pumpkin.evidence.checkpoint import VerifierKey

ANSWER_MOST = 16 * 1024


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A signature line by the witness, and when it says it signed (seconds since 1970)."""

    line: str
    at: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """The witness has another size than it was told; `size` is its own."""

    size: int


class Inconsistent(WitnessError):
    """The witness says that this checkpoint does not continue the one it has: the log was written anew."""

    code = "log_inconsistent"


class WitnessClient:
    """One witness at one address, known by its key. Open it with `async with`."""

    def __init__(self, url: str, key: VerifierKey, timeout: float = 10.0) -> None:
        """`url` is the submission prefix; `timeout` the deadline of a whole ask in seconds."""
        self.url, self.key, self.timeout = url.rstrip("/"), key, timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session:
            await session.close()

    async def add(self, old: int, path: Sequence[bytes], note: str) -> Cosignature | Conflict:
        """Show it `note`, with the consistency proof from the size it has. Inconsistent when it refuses the proof,
        WitnessError for every other failure."""
        try:
            async with asyncio.timeout(self.timeout):
                status, kind, body = await self._post(witness.request(old, path, note))
        except TimeoutError as error:
            raise WitnessError(f"The witness gave no whole answer within {self.timeout:g} s.") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise WitnessError(f"The exchange with the witness failed: {type(error).__name__}.") from error
        if status == 409 and kind == "text/x.tlog.size":
            return Conflict(_size(body))
        if status in (409, 422):
            raise Inconsistent
        if status != 200:
            words = {403: "it does not know the log's key", 404: "it does not know this log"}.get(status, "")
            raise WitnessError(f"The witness answered with HTTP status {status}{words and ': ' + words}.")
        try:
            return Cosignature(*witness.read_answer(body, note, self.key))
        except ValueError as error:
            raise WitnessError(f"The witness's answer is of no use: {error}.") from None

    async def _post(self, body: bytes) -> tuple[int, str, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=None)
            )
        async with self._session.post(f"{self.url}/add-checkpoint", data=body, allow_redirects=False) as answer:
            found = bytearray()
            async for chunk in answer.content.iter_any():
                found += chunk
                if len(found) > ANSWER_MOST:
                    raise WitnessError("The witness's answer is larger than any signature.")
            return answer.status, answer.content_type, bytes(found)


def _size(body: bytes) -> int:
    text = body.decode("ascii", "replace").strip()
    if not text.isdigit() or len(text) > 18:
        raise WitnessError("The witness named no size in its conflict.")
    return int(text)
