"""No command and no example of the documentation is without a test that executes it."""

from __future__ import annotations

import re

import click

from pumpkin.__main__ import cli
from tests import test_docs_run, test_docs_services
from tests.acceptance import test_evidence_docs, test_operations
from tests.acceptance.product import ROOT
from tests.documents import EXECUTED, PAGES, Block, blocks, commands_in_prose

SHOWN_ONLY = 2  # how many blocks may be marked as not run; each says why
WHOLE_PAGES = {
    "docs/tutorial.md": test_operations, "docs/runbook.md": test_operations, "docs/guide.md": test_operations,
    "docs/auditors.md": test_evidence_docs, "docs/lawyers.md": test_evidence_docs,
}  # fmt: skip


def executed(block: Block) -> bool:
    module = WHOLE_PAGES.get(block.page)
    if module is not None and module.BLOCK.match(f"```{block.info}\n{block.text}```"):
        return True  # that test runs all that its pattern finds
    if block.script:
        first = block.text.split()[0]
        return first in (ROOT / block.script).read_text("utf-8")
    return bool(block.why) or (block.page, block.info) in EXECUTED


def test_every_block_of_every_page_is_executed_by_a_test() -> None:
    assert {test_docs_run.__name__, test_docs_services.__name__}  # importing them fills EXECUTED
    found = [block for page in PAGES for block in blocks(page)]
    assert [(one.page, one.line, one.info) for one in found if not executed(one)] == []
    assert sum(bool(one.why) for one in found) <= SHOWN_ONLY
    assert len(found) > 60
    fences = sum(len(re.findall(r"^ *```", (ROOT / page).read_text("utf-8"), re.MULTILINE)) for page in PAGES)
    assert fences == 2 * len(found)  # none is overlooked


def test_a_new_block_without_a_test_is_found() -> None:
    assert not executed(Block("docs/errors.md", 1, "toml", "a = 1\n"))
    assert not executed(Block("docs/tutorial.md", 1, "", "pumpkin run\n"))
    assert not executed(Block("docs/operations.md", 1, "sh", "scripts/nothing\n", script="scripts/single/accept.py"))
    assert executed(Block("docs/tutorial.md", 1, "sh", "pumpkin audit\n"))


def test_every_command_named_in_prose_is_one_with_these_options() -> None:
    seen = 0
    for page, words in commands_in_prose():
        command: click.Command = cli
        context = click.Context(cli)
        names: list[str] = []
        for word in words:
            if isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]*", word) and not names[1:]:
                found = command.get_command(context, word)
                assert found is not None, (page, words)
                command, context = found, click.Context(found, context)
                names.append(word)
                continue
            if option := re.match(r"\[?(--?[a-z][a-z-]*)", word):
                known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
                assert option[1] in known | {"--help", "-h"}, (page, words)
        seen += bool(names) or words[0].startswith("--")
        assert names or words[0].startswith("--"), (page, words)
    assert seen > 60
