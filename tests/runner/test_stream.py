"""Frames from outside: what is none is refused with the one error the runner answers for."""

from __future__ import annotations

import io

import pytest

from pumpkin.runner import stream


def test_a_frame_is_its_header_and_its_body() -> None:
    source = stream.Source(io.BytesIO(b'{"type":"file","_size":2}\nhi{"type":"end"}\n'))
    assert source.read() == ({"type": "file", "_size": 2}, b"hi")
    assert source.read() == ({"type": "end"}, b"")
    assert source.read() is None


@pytest.mark.parametrize(
    "said",
    [
        b"[" * 100_000 + b"\n",
        b"x\n",
        b"[]\n",
        b'{"_size":-1}\n',
        b'{"_size":"2"}\n',
        b'{"_size":2}\nx',
        b'{"type":"file"}',
    ],
    ids=["nested", "no json", "no object", "below nothing", "no number", "cut off", "without an end"],
)
def test_what_is_no_frame_is_refused(said: bytes) -> None:
    with pytest.raises(stream.Broken):
        stream.Source(io.BytesIO(said)).read()
