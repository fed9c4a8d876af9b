"""A local repository is asked as a remote one would be: by tag, by history, and never more than that."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pumpkin.adapters import git
from pumpkin.analysis.scans import blob_id

BODY = "def answer():\n    return 42\n"


def run(place: Path, *argv: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.invalid")
    subprocess.run(["git", *who, *argv], cwd=place, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    run(place, "init", "-q")
    (place / "a.py").write_text(BODY)
    run(place, "add", ".")
    run(place, "commit", "-qm", "one")
    run(place, "tag", "v1.0.0")
    (place / "a.py").write_text(BODY + "# more\n")
    run(place, "commit", "-qam", "two")
    return place


async def test_the_tag_of_a_version_gives_its_files(repository: Path) -> None:
    tree = await git.tag_tree(str(repository), "1.0.0")
    assert tree is not None
    assert (tree.ref, tree.files) == ("v1.0.0", {"a.py": blob_id(BODY.encode())})


async def test_a_version_without_a_tag_gives_nothing(repository: Path) -> None:
    assert await git.tag_tree(str(repository), "2.0.0") is None


async def test_history_has_every_blob(repository: Path) -> None:
    assert {blob_id(BODY.encode()), blob_id((BODY + "# more\n").encode())} <= set(
        (await git.history(str(repository))).files.values()
    )


@pytest.mark.parametrize(
    "address",
    [
        "/nonexistent",
        "ext::sh -c touch% /tmp/x",
        "--upload-pack=/bin/true",
        "ssh://198.51.100.7/x",
        "git://198.51.100.7/x",
    ],
)
async def test_what_is_no_repository_fails_with_a_word(address: str) -> None:
    with pytest.raises(git.GitFailed):
        await git.tag_tree(address, "1.0")


@pytest.mark.parametrize(
    ("tags", "version", "best"),
    [
        (["refs/tags/1.2.3", "refs/tags/v1.2.3"], "1.2.3", "refs/tags/1.2.3"),
        (["refs/tags/v11.2.3", "refs/tags/v1.2.3^{}"], "1.2.3", "refs/tags/v1.2.3"),
        (["refs/tags/other-1.2.3", "refs/tags/name@1.2.3"], "1.2.3", "refs/tags/name@1.2.3"),
        (["refs/tags/1.2.3rc1", "refs/heads/1.2.3"], "1.2.3", None),
    ],
)
def test_the_tag_that_names_the_version_is_chosen(tags: list[str], version: str, best: str | None) -> None:
    assert git.best_tag(tags, version, "name") == best
