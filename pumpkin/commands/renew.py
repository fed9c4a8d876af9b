"""`pumpkin renew`: newer tokens over older proofs, those of this installation or those in a bundle held elsewhere."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from pathlib import Path

import click

from actors.exchange import Exchange, Series
from actors.keeper import asker
from pumpkin.adapters.clock import clock_of
from pumpkin.adapters.folder import DataFolder
from pumpkin.adapters.revocation import RevocationClient
from pumpkin.adapters.tsa import TsaClient
from pumpkin.building.authorities import added, configured
from pumpkin.commands.place import answer, config_option, data_option, database, json_option, load, work
from pumpkin.errors import StartError
from pumpkin.evidence import bundle_renew
from pumpkin.renewer import DAY_US, Ask, Done, Renewer
from pumpkin.settings import Settings
from pumpkin.store import authorities

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
DIGESTS = click.Choice(["sha256", "sha384", "sha512"])


@click.command()
@click.argument("bundle", required=False, type=FILE)
@click.option("--every", is_flag=True, help="Renew every proof, not only those near their end.")
@click.option("--digest", type=DIGESTS, help="Hash the checks again by this digest (hash-tree renewal).")
@click.option("--tsa", "url", help="For a bundle: the address of the authority to ask.")
@click.option("--root", "roots", multiple=True, type=FILE, help="For a bundle: PEM of that authority's root.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="For a bundle: the file to write.  [default: BUNDLE itself]"
)
@data_option
@config_option
@json_option
def renew(
    bundle: Path | None,
    every: bool,
    digest: str | None,
    url: str | None,
    roots: tuple[Path, ...],
    out: Path | None,
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Renew proofs before a certificate ends or an algorithm weakens.

    \b
    pumpkin renew                   what nears its end, as the running server does by itself
    pumpkin renew --every           all proofs by one token
    pumpkin renew --digest sha512   all checks hashed again by a stronger digest
    pumpkin renew check.zip --tsa URL --root PEM    a bundle, by whoever holds it
    """
    if bundle is not None:
        if not url or not roots:
            raise click.UsageError("A bundle is renewed by an authority of your choice: give --tsa and --root.")
        count = work(lambda: _bundle(bundle, out or bundle, url, [one.read_bytes() for one in roots], digest))
        answer({"renewed": count, "file": str(out or bundle)}, as_json, f"{count} evidence records renewed.")
        return
    settings = load(data, config)
    done = work(lambda: _installation(settings, digest, every=every))
    shown = [
        {"renewal": one.number, "kind": one.kind, "digest": one.digest, "authority": one.authority,
         "stamps": one.stamps, "checks": one.checks}
        for one in done
    ]  # fmt: skip
    lines = [f"{one.stamps} stamps renewed by {one.authority} ({one.kind}, {one.digest})" for one in done]
    answer(shown, as_json, "\n".join(lines) or "Nothing is due.")


async def _installation(settings: Settings, digest: str | None, *, every: bool) -> list[Done]:
    authority = DataFolder(settings.data).authority("Pumpkin") if settings.local_authority else None
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(database(settings))
        members = configured(settings, authority, clock_of(settings.synchronised_clock))
        members += [added(entry, place) for place, entry in enumerate(await authorities.entries(db))]
        capture = await stack.enter_async_context(RevocationClient())
        for one in members:
            stack.push_async_callback(one.client.close)
        ordered = sorted(members, key=lambda one: one.rank)
        exchanges = [Exchange(one.series, one.client.ask, now, capture.capture) for one in ordered]
        renewer = Renewer(db, margin_us=int(settings.renew_before * DAY_US))
        ask = asker(lambda: exchanges)
        return await (renewer.rehash(ask, digest) if digest else renewer.renew(ask, every=every))


async def _bundle(path: Path, out: Path, url: str, roots: list[bytes], digest: str | None) -> int:
    async with TsaClient(url) as client, RevocationClient() as revocation:
        series = Series("renewal", url, roots)
        exchange = Exchange(series, client.ask, now, revocation.capture)
        try:
            content, count = await _renewed(path.read_bytes(), asker(lambda: [exchange]), digest)
        except ValueError as error:
            raise StartError(f"{path} cannot be renewed: {error}.") from None
        out.write_bytes(content)
        return count


async def _renewed(content: bytes, ask: Ask, digest: str | None) -> tuple[bytes, int]:
    plan = bundle_renew.plan(content, digest)
    granted = await ask(plan.data, plan.digest)
    return bundle_renew.renewed(content, plan, granted.response), len(plan.leaves)


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1_000
