"""Renewals on a real log: one token over all older ones, all checks again by SHA-512, both in bundles that verify."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

import asyncpg

from actors.exchange import Exchange, Series
from actors.keeper import Keeper, asker
from pumpkin.evidence import bundle_renew, bundle_zip, ers, renewal, tsp
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.bundle_verify import verify_bundle
from pumpkin.evidence.claims import Report
from pumpkin.model.checks import Check
from pumpkin.prover import Prover
from pumpkin.renewer import Ask, Renewer
from pumpkin.store import checks, renewals
from tests.actors.conftest import Line, StartLine, Tsa, observation
from tests.evidence.test_ers import JARS, JAVA, folder

YEAR_US = 365 * 86_400_000_000


def door(tsa: Tsa, name: str = "later") -> Exchange:
    series = Series(name, name, [tsa.authority.root_pem], backoff_s=0.01, backoff_max_s=0.02)
    return Exchange(series, tsa.ask, lambda: time.time_ns() // 1_000)


def ask_of(tsa: Tsa) -> Ask:
    return asker(lambda: [door(tsa)])


async def filled(line: Line, batches: int = 4, each: int = 12) -> list[Check]:
    """Checks under several stamps; every batch is one."""
    for n in range(batches):
        await line.aggregator.actor.receive_many([observation(b"batch %d check %d" % (n, m)) for m in range(each)])
        await line.until_stamped((n + 1) * each)
    return await checks.items(line.db, 0, batches * each)


async def verdict(line: Line, check: Check, *others: Tsa) -> Report:
    content = await Prover(line.db, line.key).bundle([check.id])
    roots = [one.authority.root_pem for one in (line.tsa, *others)]
    return verify_bundle(content, roots=roots, log_key=line.key.public_pem)


async def records(line: Line, seen: list[Check]) -> list[bytes]:
    found = []
    for check in seen:
        files = bundle_zip.unpack(await Prover(line.db, line.key).bundle([check.id]))
        found.append(next(data for name, data in files.items() if name.endswith("evidence.ers")))
    return found


async def test_one_token_renews_every_stamp_and_bundles_carry_it(start_line: StartLine) -> None:
    line, later = await start_line(), Tsa(Authority.create("later"))
    seen = await filled(line)
    renewer = Renewer(line.db)
    assert await renewer.renew(ask_of(later)) == []
    assert later.asked == 0, "nothing nears its end"
    [done] = await renewer.renew(ask_of(later), every=True)
    assert (later.asked, done.stamps, done.kind, done.digest) == (
        1,
        len(await renewals.stamps(line.db)),
        "timestamp",
        "sha256",
    )
    for check in (seen[0], seen[17], seen[-1]):
        report = await verdict(line, check, later)
        assert report.ok, report.text()
        assert "The proof was renewed at" in report.text()
        assert not (await verdict(line, check)).checks[0].renewals[0].trusted
    judged = ers.verify(
        (await records(line, seen[:1]))[0], [seen[0].record, seen[0].payload or b""],
        [line.tsa.authority.root_pem, later.authority.root_pem],
    )  # fmt: skip
    assert judged.ok


async def test_a_stamp_edited_in_the_database_stops_neither_renewal_nor_stamping(
    start_line: StartLine, dsn: str
) -> None:
    line, later = await start_line(), Tsa(Authority.create("later"))
    seen = await filled(line, 3, 2)
    outside = await asyncpg.connect(dsn)
    await outside.execute("update stamps set response = 'x' where id in (select max(id) from stamps)")
    await outside.close()
    line.stamper.actor.kill()
    await line.aggregator.actor.receive(observation())
    await line.until_stamped(7)
    [done] = await Renewer(line.db).renew(ask_of(later), every=True)
    assert done.stamps == len(await renewals.stamps(line.db)) - 1
    report = await verdict(line, seen[0], later)
    assert report.ok, report.text()


async def test_a_renewal_of_many_stamps_is_kept_in_parts_and_proves_each(start_line: StartLine) -> None:
    line, later = await start_line(), Tsa(Authority.create("later"))
    seen = await filled(line, 11, 2)
    renewer = Renewer(line.db, part=4)
    await renewer.renew(ask_of(later), every=True)
    await renewer.rehash(ask_of(later), "sha384")
    await renewer.renew(ask_of(later), every=True)
    assert later.asked == 3
    for check in (seen[0], seen[9], seen[-1]):
        report = await verdict(line, check, later)
        assert report.ok, report.text()
        assert len(report.checks[0].renewals) == 3
    both = await Prover(line.db, line.key).bundle([seen[1].id, seen[-2].id])
    roots = [one.authority.root_pem for one in (line.tsa, later)]
    assert verify_bundle(both, roots=roots, log_key=line.key.public_pem).ok


async def test_checks_are_hashed_again_by_sha512_and_renewed_after(start_line: StartLine, tmp_path: Path) -> None:
    line, later = await start_line(), Tsa(Authority.create("later"))
    seen = await filled(line)
    renewer = Renewer(line.db)
    first = await records(line, seen[:2])
    await renewer.renew(ask_of(later), every=True)
    again = await records(line, seen[:2])
    assert await checks.erase(line.db, seen[14].id)
    [done] = await renewer.rehash(ask_of(later), "sha512")
    assert (done.kind, done.checks) == ("hashtree", len(seen) - 1)
    rehashed = await records(line, seen[:2])
    [more] = await renewer.renew(ask_of(later), every=True)
    assert more.digest == "sha512"
    for check in (seen[0], seen[13], seen[15], seen[-1]):
        report = await verdict(line, check, later)
        assert report.ok, report.text()
        assert len(report.checks[0].renewals) == 3
    erased = await verdict(line, seen[14], later)
    assert erased.ok, erased.text()
    every = await records(line, seen[:2])
    parsed = ers.parse(every[0])
    assert [[one.digest for one in chain] for chain in parsed.chains] == [["sha256"] * 2, ["sha512"] * 2]
    stages = {
        "first": (first, line.tsa),
        "renewed": (again, later),
        "rehashed": (rehashed, later),
        "all": (every, later),
    }
    folders = []
    for name, (made, by) in stages.items():
        for n, check in enumerate(seen[:2]):
            objects = [check.record, check.payload or b""]
            folders.append(folder(tmp_path / f"{name}-{n}", made[n], objects, by.authority.chain[0]))
            changed = [check.record, b"another payload"]
            folders.append(folder(tmp_path / f"{name}-{n}-altered", made[n], changed, by.authority.chain[0]))
    done_ = await asyncio.create_subprocess_exec(
        "java", "-cp", ":".join(map(str, JARS)), str(JAVA), *map(str, folders), stdout=subprocess.PIPE
    )
    told, _ = await asyncio.wait_for(done_.communicate(), 100)
    for line_ in told.decode().splitlines():
        name, _, said = line_.partition(" ")
        assert said.startswith("refused") if name.endswith("altered") else said == "ok", line_
    assert len(told.splitlines()) == len(folders)


async def test_what_nears_its_end_is_renewed_by_itself_over_an_outage(start_line: StartLine) -> None:
    ends = Tsa(Authority.create("ends soon", now=time.time_ns() // 1_000 - 10 * YEAR_US + 20 * 86_400_000_000))
    line, later = await start_line(tsa=ends), Tsa(Authority.create("later"))
    seen = await filled(line, 2, 5)
    later.mode = "down"
    told = line.bus.subscribe(["proof.renewed"])
    doors = [door(ends, "ending"), door(later)]
    ends.mode = "down"
    keeper = await line.system.start(
        "keeper", lambda: Keeper.start(line.bus, Renewer(line.db), lambda: doors, first_s=0, look_s=0.05, again_s=0.05)
    )
    async with asyncio.timeout(10):
        while not keeper.actor.status()["last_error"]:
            await asyncio.sleep(0.01)
        later.mode = "ok"
        async for event in told:
            assert event.data["authority"] == "later"
            assert event.data["stamps"] == len(await renewals.stamps(line.db))
            break
    report = await verdict(line, seen[0], later)
    assert report.ok, report.text()
    assert not any("was good until" in one for one in report.warnings)
    asked = later.asked
    await asyncio.sleep(0.2)
    assert later.asked == asked, "what is renewed is not due any more"


async def test_whoever_holds_a_bundle_renews_it_too(start_line: StartLine) -> None:
    line, later = await start_line(), Tsa(Authority.create("later"))
    seen = await filled(line, 2, 5)
    content = await Prover(line.db, line.key).bundle([seen[0].id, seen[7].id])
    roots = [line.tsa.authority.root_pem, later.authority.root_pem]
    for digest in (None, "sha512", None):
        plan = bundle_renew.plan(content, digest)
        granted = await ask_of(later)(plan.data, plan.digest)
        content = bundle_renew.renewed(content, plan, granted.response)
    report = verify_bundle(content, roots=roots, log_key=line.key.public_pem)
    assert report.ok, report.text()
    assert [len(one.renewals) for one in report.checks] == [3, 3]
    without = verify_bundle(content, roots=roots[:1], log_key=line.key.public_pem)
    assert without.ok, "the proof stands as it stood"
    assert any("renewal is not taken" in one for one in without.warnings)
    files = bundle_zip.unpack(content)
    name = next(one for one in files if one.startswith("renewed/"))
    for at in range(0, len(files[name]), 97):
        bad = bytearray(files[name])
        bad[at] ^= 1
        assert not verify_bundle(bundle_zip.pack({**files, name: bytes(bad)}), roots=roots).ok


def test_a_proof_ends_with_its_first_certificate_or_algorithm() -> None:
    authority = Authority.create("ends")
    day = renewal.HOLDS_UNTIL["p256"]
    ends = renewal.good_until(authority.chain, "sha256")
    assert ends == min(day, ends)
    careful = renewal.Policy({**renewal.HOLDS_UNTIL, "sha256": 5})
    assert renewal.good_until(authority.chain, "sha256", careful) == 5
    assert renewal.good_until(authority.chain, "md5") == 0
    token = authority.respond(tsp.make_query(bytes(64), "sha512"))
    assert renewal.digest_of(token) == "sha512"
