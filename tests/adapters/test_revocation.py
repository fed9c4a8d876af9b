"""What issuers say about a chain is fetched from real servers, checked, kept while good; nothing else is."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from pumpkin.adapters.revocation import RevocationClient
from pumpkin.evidence import tsp
from tests.evidence.forge import Forge, party

DER = serialization.Encoding.DER


class Issuer:
    """A CA with a CRL and an OCSP responder over HTTP; `mode` is well, html, hang or flood."""

    def __init__(self) -> None:
        self.mode, self.asked, self.revoked = "well", 0, False
        self.root = party("Root", ca=True)

    async def start(self, kind: str) -> None:
        app = web.Application()
        app.router.add_route("*", "/crl", self.crl)
        app.router.add_post("/ocsp", self.ocsp)
        self.server = TestServer(app)
        await self.server.start_server()
        url = str(self.server.make_url("/" + kind))
        uri = x509.UniformResourceIdentifier(url)
        extra: x509.ExtensionType = x509.CRLDistributionPoints(
            [x509.DistributionPoint([uri], relative_name=None, reasons=None, crl_issuer=None)]
        )
        if kind == "ocsp":
            extra = x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, uri)])
        self.leaf = party("Signer", self.root, n=2, extra=extra, extra_critical=False, days=(-365, 3650))
        self.chain = (self.leaf.der, self.root.der)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def odd(self) -> web.Response | None:
        self.asked += 1
        if self.mode == "html":
            return web.Response(body=b"<html>sold</html>")
        if self.mode == "flood":
            return web.Response(body=b"\x30" * 3_000)
        if self.mode == "hang":
            await asyncio.sleep(5)
        return None

    async def crl(self, request: web.Request) -> web.Response:
        if odd := await self.odd():
            return odd
        built = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.root.certificate.subject)
            .last_update(self.now())
            .next_update(self.now() + timedelta(days=1))
        )
        if self.revoked:
            gone = x509.RevokedCertificateBuilder().serial_number(self.leaf.certificate.serial_number)
            reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
            built = built.add_revoked_certificate(
                gone.revocation_date(self.now()).add_extension(reason, critical=False).build()
            )
        return web.Response(body=built.sign(self.root.key, hashes.SHA256()).public_bytes(DER))

    async def ocsp(self, request: web.Request) -> web.Response:
        if odd := await self.odd():
            return odd
        ocsp.load_der_ocsp_request(await request.read())
        gone = self.now() if self.revoked else None
        answer = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                self.leaf.certificate,
                self.root.certificate,
                hashes.SHA1(),
                ocsp.OCSPCertStatus.REVOKED if self.revoked else ocsp.OCSPCertStatus.GOOD,
                self.now(),
                self.now() + timedelta(hours=1),
                gone,
                x509.ReasonFlags.key_compromise if self.revoked else None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.NAME, self.root.certificate)
            .sign(self.root.key, hashes.SHA256())
        )
        return web.Response(body=answer.public_bytes(DER))


@pytest.mark.parametrize("kind", ["crl", "ocsp"])
async def test_what_the_issuer_says_is_fetched_once_and_decides(kind: str) -> None:
    issuer = Issuer()
    await issuer.start(kind)
    try:
        async with RevocationClient() as client:
            found = await client.capture(issuer.chain)
            assert [name.split("-")[0] for name in found] == [kind]
            assert await client.capture(issuer.chain) == found
            assert issuer.asked == 1
        issuer.revoked = True
        async with RevocationClient() as client:
            bad = await client.capture(issuer.chain)
        token = Forge(issuer.leaf, [issuer.leaf.der]).token()
        for said, code in ((found, "ok"), (bad, "revoked")):
            judged = tsp.verify(
                token,
                roots=[issuer.root.der],
                data=b"what was observed",
                crls=list(said.values()) if kind == "crl" else (),
                ocsp=list(said.values()) if kind == "ocsp" else (),
            )
            assert judged.code == code
    finally:
        await issuer.server.close()


@pytest.mark.parametrize("mode", ["html", "flood", "hang"])
async def test_a_server_that_misbehaves_gives_nothing_and_is_left_alone(mode: str) -> None:
    issuer = Issuer()
    await issuer.start("crl")
    issuer.mode = mode
    try:
        async with RevocationClient(0.3, max_bytes=2_000) as client:
            begun = time.monotonic()
            assert await client.capture(issuer.chain) == {}
            assert time.monotonic() - begun < 2
            assert client.failures == 1
            assert await client.capture(issuer.chain) == {}
        assert issuer.asked == 1
    finally:
        await issuer.server.close()


async def test_a_chain_that_names_nobody_asks_nobody() -> None:
    root = party("Root", ca=True)
    async with RevocationClient() as client:
        assert await client.capture((party("Leaf", root, n=2).der, root.der)) == {}
