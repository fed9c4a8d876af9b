"""`pumpkin rules` and `pumpkin names`: rule packs of other houses, and names that imitate."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path

import click

from pumpkin.analysis import names as imitations
from pumpkin.analysis import packs, text
from pumpkin.analysis.static import ruleset
from pumpkin.commands import correlation
from pumpkin.commands.place import answer, data_option, json_option, load

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@click.group()
def rules() -> None:
    """Add, list, test and remove packs of YARA rules beside our own; try alert rules on the past.

    \b
    pumpkin rules add ./elastic --licence "Elastic-2.0"
    pumpkin rules list
    pumpkin rules test alerts.toml --since 7d
    """


@rules.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--name", help="The pack's name.  [default: the folder's]")
@click.option("--licence", required=True, help="The licence its rules are under (SPDX), shown wherever they speak.")
@json_option
@data_option
def add(folder: Path, name: str | None, licence: str, as_json: bool, data: Path | None) -> None:
    """Compile the .yar and .yara files below FOLDER and keep them; nothing is kept when one does not compile."""
    name = (name or folder.resolve().name).lower().replace(" ", "-")
    if not _NAME.fullmatch(name):
        raise click.ClickException("A pack's name is made of a-z, 0-9, - and _.")
    store = load(data).data / "rules"
    store.mkdir(parents=True, exist_ok=True)
    try:
        pack = packs.add(store, folder, name, licence)
    except text.BadRule as error:
        raise click.ClickException(str(error)) from None
    answer(
        asdict(pack),
        as_json,
        f"{pack.name}: {pack.rules} rules from {pack.files} files, {pack.licence}, {pack.digest[:16]}",
    )


@rules.command("list")
@json_option
@data_option
def list_packs(as_json: bool, data: Path | None) -> None:
    """Our own rules and the packs there are, with licence and hash."""
    installed = packs.installed(load(data).data / "rules")
    own = text.own()
    listed = [
        {"name": "pumpkin", "licence": "AGPL-3.0-or-later", "rules": own.count, "digest": own.digest},
        *(asdict(pack) for pack, _ in installed),
    ]
    whole = ruleset([one for _, one in installed])
    lines = [
        f"{one['name']:<20} {one['rules']:>6} rules  {one['licence']:<20} {str(one['digest'])[:16]}" for one in listed
    ]
    answer({"packs": listed, "rules": whole}, as_json, "\n".join([*lines, f"rule set {whole}"]))


@rules.command()
@click.argument("name")
@json_option
@data_option
def remove(name: str, as_json: bool, data: Path | None) -> None:
    """Forget the pack NAME."""
    if not _NAME.fullmatch(name) or not packs.remove(load(data).data / "rules", name):
        raise click.ClickException("There is no such pack.")
    answer({"removed": name}, as_json, f"{name} is forgotten")


@rules.command()
@click.argument("path", metavar="[FOLDER|FILE]", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--since", metavar="TIME", help="FILE: from this time on, or so long back (7d).  [default: all there is]")
@click.option("--until", metavar="TIME", help="FILE: up to this time.  [default: now]")
@click.option(
    "--history",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="FILE: over the checks of this file of JSON lines instead of the server's.",
)
@json_option
@data_option
def test(
    path: Path | None, since: str | None, until: str | None, history: Path | None, as_json: bool, data: Path | None
) -> None:
    """Try rules: those of a FOLDER of YARA rules on their examples, those of a FILE of alert rules on the past.

    FOLDER: each rule on the examples beside it (`NAME.toml` for `NAME.yar`): what it must hit, what it must spare.
    Without one our own rules are tried. Ends 1 when a rule fails or has no example.

    FILE (TOML): what its rules would have said about the checks this server has, or those of a file; nothing is raised
    and nobody told. Ends 1 when the file has faults, and names each by line, rule and field.
    """
    if path is not None and path.is_file():
        correlation.test_file(path, since=since, until=until, history=history, as_json=as_json, data=data)
        return
    if since or until or history:
        raise click.UsageError("--since, --until and --history belong to a file of alert rules.")
    folder = path
    try:
        faults, tried = tested(folder or text.RULES)
    except (text.BadRule, tomllib.TOMLDecodeError) as error:
        raise click.ClickException(str(error)) from None
    told = "\n".join(f"{fault['rule']}: {fault['fault']}" for fault in faults)
    answer({"tried": tried, "faults": faults}, as_json, told or f"{tried} rules hit and spare what they should")
    sys.exit(1 if faults else 0)


_SUFFIX = {"python": "py", "javascript": "js", "json": "json", "shell": "sh", "text": "txt"}


def tested(folder: Path) -> tuple[list[dict[str, str]], int]:
    """What is wrong with the rules of a folder by their examples, and how many rules there are."""
    compiled = text.Rules(packs.sources(folder))
    examples: dict[str, dict[str, object]] = {}
    for path in sorted(folder.rglob("*.toml")):
        examples |= {rule: one for rule, one in tomllib.loads(path.read_text("utf-8")).items() if isinstance(one, dict)}
    faults: list[dict[str, str]] = []
    known = [str(rule.identifier) for rule in compiled.compiled]
    for rule in known:
        example = examples.get(rule)
        if example is None:
            faults.append({"rule": rule, "fault": "has no example"})
            continue
        for wanted in ("yes", "no"):
            for number, sample in enumerate(_samples(example.get(wanted))):
                if _hits(compiled, rule, str(example.get("lang", "")), sample) is not (wanted == "yes"):
                    word = "does not hit" if wanted == "yes" else "hits"
                    faults.append({"rule": rule, "fault": f"{word} example {number + 1} of `{wanted}`"})
    return faults, len(known)


def _samples(value: object) -> list[str]:
    return [str(one).replace("$A4100", "A" * 4100) for one in value] if isinstance(value, list) else []


def _hits(compiled: text.Rules, rule: str, language: str, sample: str) -> bool:
    name = f"text-{rule.replace('_', '-')}"
    suffixes = {_SUFFIX.get(language, "py"), "py"}
    return any(one.rule == name for suffix in suffixes for one in compiled.scan(f"a.{suffix}", sample.encode()))


NAME_LIMIT = 512


@click.command()
@click.argument("ecosystem", type=click.Choice(imitations.ECOSYSTEMS))
@click.argument("listed", metavar="NAME...", nargs=-1, required=True)
@json_option
def names(ecosystem: str, listed: tuple[str, ...], as_json: bool) -> None:
    """Say which popular package each NAME of the ECOSYSTEM could be taken for, by which edit and why."""
    if any(len(name) > NAME_LIMIT for name in listed):
        raise click.UsageError(f"A package's name has at most {NAME_LIMIT} characters.")
    found = [
        {"name": name, "candidates": [one.as_json() for one in imitations.candidates(ecosystem, name)]}
        for name in listed
    ]
    lines = []
    for one in found:
        candidates = one["candidates"]
        told = [
            f"  {c['score']:.2f}  {c['target']}  ({c['kind']}) {c['why']}" for c in candidates if isinstance(c, dict)
        ]
        lines += [f"{one['name']}: {'imitates' if told else 'imitates nobody known'}", *told]
    answer(found, as_json, "\n".join(lines))
