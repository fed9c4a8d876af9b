"""Meeting an authority: what would be pinned is the top of what it shows, never its own certificate."""

from __future__ import annotations

from hashlib import sha256

import pytest

from pumpkin.evidence import introduction, tsp
from tests.evidence.forge import Forge, party

DIGEST = sha256(b"what was observed").digest()
QUERY = tsp.make_query(DIGEST, nonce=7)


def chain():
    root = party("Root", ca=True, n=1)
    middle = party("Issuing", root, ca=True, n=2)
    return root, middle, party("Signer", middle, n=3)


@pytest.mark.parametrize(("shown", "pinned"), [(3, "CN=Root,O=Example"), (2, "CN=Issuing,O=Example")])
def test_the_top_of_the_chain_is_shown_and_pinned(shown, pinned):
    root, middle, leaf = chain()
    carried = [leaf.der, middle.der, root.der][:shown]
    met = introduction.of(Forge(leaf, carried, nonce=7).response(), query=QUERY, digest=DIGEST)
    assert met.ok
    assert [one.subject for one in met.pinned] == [pinned]
    assert len(met.chain) == shown
    assert met.chain[0].fingerprint.replace(":", "").lower() == sha256(leaf.der).hexdigest()


def test_a_signer_alone_is_never_pinned():
    _, _, leaf = chain()
    met = introduction.of(Forge(leaf, [leaf.der], nonce=7).response(), query=QUERY, digest=DIGEST)
    assert (met.ok, met.code, met.roots) == (False, "chain", ())
    assert "--root" in met.detail


def test_a_root_given_is_the_one_that_counts():
    root, middle, leaf = chain()
    reply = Forge(leaf, [leaf.der, middle.der], nonce=7).response()
    assert introduction.of(reply, query=QUERY, digest=DIGEST, roots=[root.pem]).roots == (root.der,)
    foreign = party("Foreign", ca=True, n=9).pem
    assert introduction.of(reply, query=QUERY, digest=DIGEST, roots=[foreign]).code == "chain"
    assert introduction.of(reply, query=QUERY, digest=DIGEST, roots=[b"no certificate"]).code == "chain"


@pytest.mark.parametrize("reply", [b"", b"<html>", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_token_is_refused(reply):
    assert not introduction.of(reply, query=QUERY, digest=DIGEST).ok


def test_a_name_is_made_from_the_host():
    assert introduction.name_of("https://tsa.example:8443/x") == "tsa.example"
    assert introduction.name_of("http://[::1]/x") == "--1"
