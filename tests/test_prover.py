"""What the prover puts into a bundle beyond what the line's own tests see: witnesses' signatures."""

from __future__ import annotations

from pumpkin.evidence.bundle_verify import verify_bundle
from pumpkin.evidence.groups import body_hash
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


async def test_a_token_of_a_clock_that_was_ahead_bounds_nothing_and_is_named_no_more(start_line) -> None:
    line = await start_line(named=True)
    for size in (1, 2):
        await line.aggregator.actor.receive(observation(b"before"))
        await line.until_stamped(size)
    named = await proofs.checkpoint(line.db, 2)
    assert named is not None
    seen = body_hash(named.note).hex()
    receipt = await line.aggregator.actor.receive(observation(b"after", after=seen))
    await line.until_stamped(3)
    prover = Prover(line.db, line.key)
    assert (await prover.proof(receipt.id))["not_before"] is not None
    async with line.db.writer() as connection:  # as if the first token had been made while the clock was ahead
        await connection.execute("update stamps set gen_time = gen_time + 86400000000 * 400 where size in (1, 3)")
    assert (await prover.proof(receipt.id))["not_before"] is None
    report = verify_bundle(await prover.bundle([receipt.id]), roots=[line.tsa.authority.root_pem])
    assert report.ok, report
    again = await start_line(key=line.key, tsa=line.tsa, named=True)
    assert again.stamper.actor.token is None
    assert again.stamper.actor.ahead_s > 399 * 86_400
    await again.aggregator.actor.receive(observation(b"now"))
    await again.until_stamped(4)
    fresh = await proofs.checkpoint(line.db, 4)
    assert fresh is not None
    assert "\ntoken " not in fresh.note
    assert again.stamper.actor.token
    assert again.stamper.actor.ahead_s < 60
