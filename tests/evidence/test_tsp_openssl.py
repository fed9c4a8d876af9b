"""Tokens made by the real openssl: plain, by key id, RSA-PSS, and BER; and openssl's judgement of the forge's."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
import rfc3161ng
from pyasn1.codec.ber import decoder

from pumpkin.evidence import tsp
from tests.evidence.forge import NOW_US, Forge, Party, party

DATA = b"what was observed"
DAY_US = 86_400_000_000
LATER = NOW_US + 20_000 * DAY_US

CONFIG = """
[tsa]
default_tsa = here
[here]
serial = serial
crypto_device = builtin
signer_digest = {digest}
default_policy = 1.3.6.1.4.1.99999.1
digests = sha1, sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = {ordering}
tsa_name = {name}
ess_cert_id_chain = {chain}
ess_cert_id_alg = {ess}
"""


class Openssl:
    """An authority run by `openssl ts` in a folder of its own."""

    def __init__(self, folder: Path, kind: str = "rsa2048") -> None:
        self.folder = folder
        self.root = party("Root", kind="rsa2048", n=50, ca=True, days=(-3650, 36500))
        self.signer = party("TSA", self.root, kind=kind, n=51, days=(-3650, 36500))
        for name, content in (
            ("root.pem", self.root.pem),
            ("signer.pem", self.signer.pem),
            ("key.pem", self.signer.key_pem),
            ("data", DATA),
            ("serial", b"01\n"),
        ):
            (folder / name).write_bytes(content)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def reply(self, *asked: str, **config: str) -> tuple[bytes, bytes]:
        """Query and reply."""
        usual = {"digest": "sha256", "ordering": "no", "name": "yes", "chain": "no", "ess": "sha256"}
        (self.folder / "tsa.cnf").write_text(CONFIG.format(**{**usual, **config}))
        self.run("ts", "-query", "-data", "data", "-out", "query", *asked)
        signer = ["-inkey", "key.pem", "-signer", "signer.pem", "-chain", "root.pem"]
        self.run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply", *signer)
        return (self.folder / "query").read_bytes(), (self.folder / "reply").read_bytes()

    def cms(self, content: bytes, *options: str) -> bytes:
        """A token signed by `openssl cms` over this TSTInfo."""
        (self.folder / "content").write_bytes(content)
        usual = ["-binary", "-nodetach", "-econtent_type", "1.2.840.113549.1.9.16.1.4", "-cades", "-md", "sha256"]
        signer = ["-signer", "signer.pem", "-inkey", "key.pem", *options, "-certfile", "root.pem"]
        out = ["-in", "content", "-outform", "DER", "-out", "token"]
        self.run("cms", "-sign", *usual, *signer, *out)
        return (self.folder / "token").read_bytes()


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_tokens_of_openssl_verify(tmp_path: Path, kind: str, digest: str) -> None:
    openssl = Openssl(tmp_path, kind)
    query, reply = openssl.reply(f"-{digest}", "-cert", digest=digest)
    verdict = tsp.verify(reply, query=query, data=DATA, roots=[openssl.root.pem], at=LATER)
    assert (verdict.code, verdict.warnings) == ("ok", ()), verdict.detail
    assert verdict.accuracy == 1_500_100


@pytest.mark.parametrize(
    "config", [{"ess": "sha1"}, {"ess": "sha512"}, {"chain": "yes"}, {"ordering": "yes"}, {"name": "no"}], ids=str
)
def test_each_way_of_openssl_to_write_a_token_verifies(tmp_path: Path, config: dict[str, str]) -> None:
    openssl = Openssl(tmp_path)
    query, reply = openssl.reply("-sha256", "-cert", **config)
    assert tsp.verify(reply, query=query, roots=[openssl.root.pem], at=LATER).code == "ok"


def test_a_token_without_certificates_needs_them_given(tmp_path: Path) -> None:
    openssl = Openssl(tmp_path)
    query, reply = openssl.reply("-sha256")
    trust = {"query": query, "roots": [openssl.root.pem], "at": LATER}
    assert tsp.verify(reply, **trust).code == "no_certificate"
    assert tsp.verify(reply, untrusted=[openssl.signer.pem], **trust).code == "ok"


def test_a_sha1_imprint_by_openssl_is_refused(tmp_path: Path) -> None:
    openssl = Openssl(tmp_path)
    _, reply = openssl.reply("-sha1", "-cert")
    digest = hashlib.sha1(DATA).digest()
    assert tsp.verify(reply, digest=digest, roots=[openssl.root.pem], at=LATER).code == "algorithm"


def test_a_certificate_signed_with_sha1_is_refused(tmp_path: Path) -> None:
    openssl = Openssl(tmp_path)
    (tmp_path / "root.key").write_bytes(openssl.root.key_pem)
    (tmp_path / "ext").write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
    openssl.run("req", "-new", "-key", "key.pem", "-subj", "/CN=TSA", "-out", "csr")
    issue = ["x509", "-req", "-in", "csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "9000"]
    openssl.run(*issue, "-extfile", "ext", "-sha1", "-out", "signer.pem")
    query, reply = openssl.reply("-sha256", "-cert")
    assert tsp.verify(reply, query=query, roots=[openssl.root.pem], at=LATER).code == "chain"
    openssl.run(*issue, "-extfile", "ext", "-sha256", "-out", "signer.pem")
    query, reply = openssl.reply("-sha256", "-cert")
    assert tsp.verify(reply, query=query, roots=[openssl.root.pem], at=LATER).code == "ok"


@pytest.mark.parametrize("options", [[], ["-keyid"]], ids=str)
@pytest.mark.parametrize("stream", [[], ["-stream"]], ids=["der", "ber"])
def test_tokens_signed_by_openssl_cms_verify(tmp_path: Path, options: list[str], stream: list[str]) -> None:
    openssl = Openssl(tmp_path)
    token = openssl.cms(Forge(openssl.signer).info(), *options, *stream)
    verdict = tsp.verify(token, data=DATA, roots=[openssl.root.pem], at=LATER)
    assert verdict.code == "ok", verdict.detail
    assert ("not DER: written as BER" in verdict.warnings) is bool(stream)
    assert tsp.token_of(token)[:1] == b"\x30"
    assert (b"\x30\x80" in token[:2]) is bool(stream)


def test_a_token_written_as_ber_is_given_back_as_der_that_openssl_takes(tmp_path: Path) -> None:
    openssl = Openssl(tmp_path)
    ber = openssl.cms(Forge(openssl.signer).info(), "-stream")
    (tmp_path / "der").write_bytes(tsp.token_of(ber))
    trust = ["-CAfile", "root.pem", "-attime", str(NOW_US // 1_000_000)]
    assert "OK" in openssl.run("ts", "-verify", "-in", "der", "-token_in", "-data", "data", *trust)
    assert tsp.gen_time(ber) == NOW_US


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
def test_openssl_accepts_what_the_forge_makes(tmp_path: Path, kind: str) -> None:
    """So that the cases of test_tsp stand on tokens that are right but for the one thing."""
    openssl = Openssl(tmp_path, kind)
    made = Forge(openssl.signer, [openssl.signer.der, openssl.root.der]).response()
    (tmp_path / "made").write_bytes(made)
    trust = ["-CAfile", "root.pem", "-attime", str(NOW_US // 1_000_000)]
    assert "OK" in openssl.run("ts", "-verify", "-in", "made", "-data", "data", *trust)


@pytest.mark.parametrize("how", [{"scheme": "pss"}, {"scheme": "pss", "digest": "sha512"}, {"sid": "key"}], ids=str)
def test_openssl_cms_verifies_what_openssl_ts_cannot(tmp_path: Path, how: dict[str, str]) -> None:
    openssl = Openssl(tmp_path)
    (tmp_path / "made").write_bytes(Forge(openssl.signer, [openssl.signer.der], **how).token())
    trust = ["-CAfile", "root.pem", "-purpose", "timestampsign", "-attime", str(NOW_US // 1_000_000)]
    assert openssl.run("cms", "-verify", "-binary", "-inform", "DER", "-in", "made", "-out", "content", *trust) == ""
    assert (tmp_path / "content").read_bytes() == Forge(openssl.signer).info()


def test_rfc3161ng_reads_the_same_from_a_token(tmp_path: Path) -> None:
    openssl = Openssl(tmp_path)
    query, reply = openssl.reply("-sha256", "-cert")
    theirs, rest = decoder.decode(reply, asn1Spec=rfc3161ng.TimeStampResp())
    info = theirs.time_stamp_token.tst_info
    verdict = tsp.verify(reply, query=query, roots=[openssl.root.pem], at=LATER)
    assert rest == b""
    assert int(info["serialNumber"]) == verdict.serial
    assert str(info["policy"]) == verdict.policy
    assert bytes(info.message_imprint.hashed_message) == hashlib.sha256(DATA).digest()


def test_a_pool_of_many_certificates_finds_the_signer(tmp_path: Path) -> None:
    openssl = Openssl(tmp_path)
    query, reply = openssl.reply("-sha256")
    crowd: list[Party] = [party(f"TSA {n}", openssl.root, n=51) for n in range(30)]
    untrusted = [one.pem for one in (*crowd, openssl.signer)]
    assert tsp.verify(reply, query=query, roots=[openssl.root.pem], untrusted=untrusted, at=LATER).ok
