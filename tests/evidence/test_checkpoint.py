import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pumpkin.evidence import checkpoint
from pumpkin.evidence.checkpoint import BadNote, LogKey, VerifierKey, open_note, sign

KEY = LogKey.generate("log.example/pumpkin")
NOTE = sign(KEY.origin, 20_852_163, bytes(range(32)), KEY)


def test_the_sample_of_the_signed_note_format_verifies():
    key = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    line = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    raw = base64.b64decode(line)
    assert raw[:4] == key.key_id
    assert key.verify(raw[4:], text.encode())


def test_a_note_is_origin_size_root_and_one_signature_line():
    head, blank, line = NOTE.partition("\n\n")
    assert head.split("\n") == ["log.example/pumpkin", "20852163", base64.b64encode(bytes(range(32))).decode()]
    assert blank
    assert line.startswith("— log.example/pumpkin ")
    assert open_note(NOTE, KEY.verifier) == checkpoint.Checkpoint(KEY.origin, 20_852_163, bytes(range(32)))


def test_keys_survive_pem_and_vkey():
    again = LogKey.load(KEY.origin, KEY.pem)
    assert again.vkey == KEY.vkey
    assert VerifierKey.parse(KEY.vkey) == KEY.verifier == VerifierKey.from_pem(KEY.origin, KEY.public_pem)


def test_a_checkpoint_of_another_key_or_log_is_refused():
    for other in (LogKey.generate(KEY.origin), LogKey.generate("other.example")):
        with pytest.raises(BadNote):
            open_note(NOTE, other.verifier)
    renamed = VerifierKey("other.example", KEY.verifier.public)
    with pytest.raises(BadNote):
        open_note(NOTE, renamed)


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(0, 7))
def test_no_flipped_bit_leaves_the_checkpoint_valid(at, bit):
    raw = bytearray(NOTE.encode())
    raw[at] ^= 1 << bit
    with pytest.raises(ValueError):
        open_note(raw.decode(), KEY.verifier)


def test_signatures_of_others_are_left_alone():
    other = LogKey.generate("witness.example")
    line = sign(other.origin, 1, b"\0" * 32, other).partition("\n\n")[2]
    assert open_note(NOTE + line, KEY.verifier).size == 20_852_163
    assert [name for name, _ in checkpoint.signatures(NOTE + line)] == [KEY.origin, "witness.example"]


def test_a_witness_s_cosignature_tells_its_time():
    private = Ed25519PrivateKey.generate()
    witness = VerifierKey("witness.example", private.public_key().public_bytes_raw(), checkpoint.COSIGNATURE)
    text = NOTE.partition("\n\n")[0] + "\n"
    signature = private.sign(f"cosignature/v1\ntime 1700000000\n{text}".encode())
    raw = witness.key_id + (1_700_000_000).to_bytes(8) + signature
    line = f"— witness.example {base64.b64encode(raw).decode()}\n"
    assert checkpoint.cosigned_at(NOTE, line, witness) == 1_700_000_000
    assert checkpoint.cosigned_at(sign(KEY.origin, 1, b"\0" * 32, KEY), line, witness) is None
    assert checkpoint.cosigned_at(NOTE, "nonsense", witness) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n\n",
        "a\n1\n\n— a AAAAAAAA\n",
        "a\n01\n" + base64.b64encode(b"\0" * 32).decode() + "\n\n— a AAAAAAAA\n",
        "a\n-1\n" + base64.b64encode(b"\0" * 32).decode() + "\n\n— a AAAAAAAA\n",
        "a\n1\n" + base64.b64encode(b"\0" * 31).decode() + "\n\n— a AAAAAAAA\n",
        "a\n9999999999999999999\n" + base64.b64encode(b"\0" * 32).decode() + "\n\n— a AAAAAAAA\n",
        "a\r\n1\n" + base64.b64encode(b"\0" * 32).decode() + "\n\n— a AAAAAAAA\n",
        "x" * 70_000,
        NOTE.rstrip("\n"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(BadNote):
        checkpoint.parse_note(text)


@pytest.mark.parametrize(
    "text",
    ["", "a+b+c", KEY.vkey[:-1], KEY.vkey.replace("+", "-"), "x" + KEY.vkey],
    ids=["empty", "letters", "cut", "dashes", "another name"],
)
def test_what_is_no_verifier_key_is_refused(text):
    with pytest.raises(BadNote):
        VerifierKey.parse(text)


def test_a_key_of_another_kind_is_refused():
    for load in (lambda: LogKey.load("a", b"junk"), lambda: VerifierKey.from_pem("a", b"junk")):
        with pytest.raises(BadNote):
            load()
    with pytest.raises(BadNote):
        LogKey.generate("with space")
