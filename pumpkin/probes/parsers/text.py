"""Output as text, bounded."""

from __future__ import annotations


def decode(output: bytes) -> str:
    """UTF-8 text, a byte order mark dropped; ValueError when it is none."""
    try:
        return output.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the output is not UTF-8 at byte {error.start}") from None
