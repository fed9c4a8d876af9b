"""What the prover puts into a bundle beyond what the line's own tests see: witnesses' signatures."""

from __future__ import annotations

from pumpkin.evidence.bundle_verify import verify_bundle
from pumpkin.evidence.witness import WitnessKey
from pumpkin.prover import Prover
from pumpkin.store import checks, cosignatures, proofs
from tests.actors.conftest import observation, start_line

__all__ = ["start_line"]


async def test_a_bundle_holds_the_witnesses_signatures_and_the_verifier_names_them(start_line) -> None:
    line = await start_line()
    await line.aggregator.actor.receive_many([observation(b"%d" % n) for n in range(3)])
    await line.until_stamped(3)
    check, head = await checks.by_seq(line.db, 1), await proofs.checkpoint(line.db, 3)
    assert check is not None
    assert head is not None
    key = WitnessKey.generate("witness.example")
    signed = key.cosign(head.note, 1_790_000_000)
    vkey = key.verifier.text
    await cosignatures.add(
        line.db, witness="witness.example", vkey=vkey, kind="http", size=3, line=signed, at=1_790_000_000
    )
    data = await Prover(line.db, line.key).bundle([check.id])
    report = verify_bundle(data, roots=[line.tsa.authority.root_pem])
    assert report.ok
    assert any("witness.example" in one and vkey in one for one in report.warnings)
