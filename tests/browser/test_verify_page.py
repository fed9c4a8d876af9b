"""Bundles judged by the page /verify in a real browser: nothing is sent, and every flipped byte is told and named."""

from __future__ import annotations

import base64
import random
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from pumpkin.evidence import bundle, bundle_zip
from pumpkin.evidence.authority import Authority
from pumpkin.evidence.bundle_verify import verify_bundle
from pumpkin.evidence.checkpoint import LogKey
from tests.browser.conftest import Visit
from tests.browser.test_pages import faults
from tests.evidence.house import House, small

Open = Callable[..., Awaitable[Visit]]

# Calls the page's own verifier on many variants of the files at once: [[file, place, bit], ...] -> [[code, file], ...]
MANY = """async ({files, flips, roots, logKey, pack}) => {
  const base = "/static/verify/";
  const {verify} = await import(base + "bundle.js");
  const zip = await import(base + "zip.js");
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const all = new Map(Object.entries(files).map(([name, text]) => [name, bytes(text)]));
  const given = {roots: roots.map(bytes), logKey: logKey && new TextEncoder().encode(logKey)};
  const found = [];
  for (const [name, at, bit] of flips) {
    const changed = new Map(all);
    if (name) {
      const data = Uint8Array.from(all.get(name));
      data[at] ^= 1 << bit;
      changed.set(name, data);
    }
    const report = await verify(zip.pack(changed), given);
    found.push([report.code, report.file]);
  }
  return found;
}"""


WHOLE = """async ({archives, roots, logKey}) => {
  const {verify} = await import("/static/verify/bundle.js");
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const given = {roots: roots.map(bytes), logKey: new TextEncoder().encode(logKey)};
  const found = [];
  for (const one of archives) {
    const report = await verify(bytes(one), given);
    found.push([report.code, report.file]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def made() -> tuple[House, Authority, bytes]:
    """A bundle with all that one may hold but an OCSP answer: detail, direct token."""
    house, authority, data = small(b"up", detail={"status": "ok", "result": {"ms": 1.5}})
    return house, authority, data


def given(files: dict[str, bytes], flips: list[Any], house: House, authority: Authority) -> dict[str, Any]:
    return {
        "files": {name: base64.b64encode(data).decode() for name, data in files.items()},
        "flips": flips,
        "roots": [base64.b64encode(authority.root_pem).decode()],
        "logKey": house.key.vkey,
    }


def resigned(files: dict[str, bytes], key: LogKey) -> dict[str, bytes]:
    """The files under a manifest signed anew: what an operator who changes one can do."""
    rest = {name: one for name, one in files.items() if name not in ("manifest.json", "manifest.sig")}
    manifest = bundle.manifest_of(rest, key.verifier)
    return {**rest, "manifest.json": manifest, "manifest.sig": key.sign_bytes(manifest)}


async def test_a_person_verifies_a_bundle_without_sending_it(visit: Open, made: Any, tmp_path: Path) -> None:
    house, authority, data = made
    for name, content in {
        "check.zip": data,
        "root.pem": authority.root_pem,
        "log-key.vkey": house.key.vkey.encode(),
    }.items():
        (tmp_path / name).write_bytes(content)
    one = await visit()
    page = await one.open("/verify")
    asked: list[str] = []
    await page.wait_for_load_state("networkidle")
    page.on("request", lambda request: asked.append(request.url))
    await page.set_input_files("#verify-bundle", tmp_path / "check.zip")
    result = page.locator("#verify-result")
    await expect(result).to_contain_text("trust is not established")
    await expect(result).to_contain_text("Only if the root of")
    await page.set_input_files("#verify-root", tmp_path / "root.pem")
    await page.set_input_files("#verify-key", tmp_path / "log-key.vkey")
    await expect(result.get_by_role("heading", level=2)).to_have_text("Proven")
    await expect(result).to_contain_text("self-asserted")
    await expect(result).to_contain_text("at position 3 of 5")
    await expect(result).not_to_contain_text("Only if")
    assert asked == []


async def test_a_changed_bundle_is_told_with_its_file(visit: Open, made: Any, tmp_path: Path) -> None:
    house, _, data = made
    files = bundle_zip.unpack(data)
    files["payload.bin"] = b"no"
    (tmp_path / "check.zip").write_bytes(bundle_zip.pack(resigned(files, house.key)))
    (tmp_path / "broken.zip").write_bytes(data[:-1])
    page = await (await visit()).open("/verify")
    await page.set_input_files("#verify-bundle", tmp_path / "check.zip")
    await expect(page.locator("#verify-result")).to_contain_text("Not proven")
    await expect(page.locator("#verify-result")).to_contain_text("payload.bin")
    await page.set_input_files("#verify-bundle", tmp_path / "broken.zip")
    await expect(page.locator("#verify-result")).to_contain_text("Unreadable")


_SLOW = """() => {
  const read = File.prototype.arrayBuffer;
  window.slow = new Promise((go) => { window.go = go; });
  File.prototype.arrayBuffer = async function () {
    if (this.name === "slow.zip") await window.slow;
    return read.call(this);
  };
}"""


async def test_only_what_was_chosen_last_is_told_of(visit: Open, made: Any, tmp_path: Path) -> None:
    _, _, data = made
    (tmp_path / "slow.zip").write_bytes(data)
    (tmp_path / "broken.zip").write_bytes(data[:-1])
    page = await (await visit()).open("/verify")
    await page.evaluate(_SLOW)
    await page.set_input_files("#verify-bundle", tmp_path / "slow.zip")
    await page.set_input_files("#verify-bundle", tmp_path / "broken.zip")
    await expect(page.locator("#verify-result")).to_contain_text("Unreadable")
    await page.evaluate("() => { window.go(); return new Promise((then) => setTimeout(then, 1000)); }")
    await expect(page.locator("#verify-result")).to_contain_text("Unreadable")


async def test_the_page_says_what_to_do_without_script(visit: Open) -> None:
    page = await (await visit(java_script_enabled=False)).open("/verify")
    await expect(page.locator("#verify-noscript")).to_contain_text("pumpkin verify")
    await expect(page.locator("#verify-form")).to_be_hidden()


async def test_every_flipped_byte_of_every_file_is_told_and_named(visit: Open, made: Any) -> None:
    """One bit of every byte: the manifest names the file."""
    house, authority, data = made
    files = bundle_zip.unpack(data)
    chance = random.Random(7)
    flips = [
        [name, at, chance.randrange(8)] for name, one in files.items() for at in range(0, len(one), 1 + len(one) // 120)
    ]
    page = await (await visit()).open("/verify")
    (whole,) = await page.evaluate(MANY, given(files, [[None, 0, 0]], house, authority))
    assert whole == ["proven", ""]
    found = await page.evaluate(MANY, given(files, flips, house, authority))
    assert [flip for flip, (code, _) in zip(flips, found, strict=True) if code in ("proven", "trust")] == []
    unnamed = {flip[0] for flip, (_, file) in zip(flips, found, strict=True) if file != flip[0]}
    assert unnamed <= {"manifest.json", "manifest.sig"}


async def test_a_flip_under_a_manifest_signed_anew_is_told_by_page_or_command(visit: Open, made: Any) -> None:
    """The operator who has the log key changes one byte of a file and signs the manifest again."""
    house, authority, data = made
    files = bundle_zip.unpack(data)
    chance = random.Random(11)
    trusted = {"roots": [authority.root_pem], "log_key": house.key.vkey.encode()}
    usual = set(verify_bundle(data, **trusted).warnings)
    flips: list[tuple[str, dict[str, bytes]]] = []
    for name, content in files.items():
        if name in ("manifest.json", "manifest.sig", "verify.sh", "README.txt", "trust-root.pem"):
            continue
        for at in sorted({0, len(content) - 1, *(chance.randrange(len(content)) for _ in range(3))}):
            changed = bytearray(content)
            changed[at] ^= 1 << chance.randrange(8)
            flips.append((name, resigned({**files, name: bytes(changed)}, house.key)))
    page = await (await visit()).open("/verify")
    archives = [_64(bundle_zip.pack(one)) for _, one in flips]
    found = await page.evaluate(WHOLE, {**given({}, [], house, authority), "archives": archives})
    missed, by_page = set(), set()
    for (name, forged), (code, _) in zip(flips, found, strict=True):
        report = verify_bundle(bundle_zip.pack(forged), **trusted)
        if code not in ("proven", "trust"):
            by_page.add(name)
        elif report.ok and not set(report.warnings) - usual:
            missed.add(name)
    # chain.pem only helps to find the chain: what in it is not used nobody needs.
    assert missed <= {"authorities/local/chain.pem"}
    assert by_page >= {"record.json", "payload.bin", "payload-salt.bin", "detail.json", "log-key.pem"} | {
        f"authorities/local/{name}" for name in ("checkpoint.txt", "proof.txt", "anchor.bin", "token.tsr")
    }


async def test_page_and_command_judge_forgeries_alike(visit: Open, made: Any) -> None:
    house, authority, data = made
    files = bundle_zip.unpack(data)
    other = Authority.create("Test")
    key = LogKey.generate(house.key.origin)
    moved = files["authorities/local/proof.txt"].replace(b"index 3", b"index 2")
    cases = {
        "payload": {**files, "payload.bin": b"no"},
        "detail": {**files, "detail.json": b"{}"},
        "record": {**files, "record.json": files["record.json"] + b" "},
        "inclusion": {**files, "authorities/local/proof.txt": moved},
        "anchor": {**files, "authorities/local/anchor.bin": bytes(64)},
        "checkpoint": {**files, "authorities/local/checkpoint.txt": files["authorities/local/checkpoint.txt"] + b"x"},
    }
    page = await (await visit()).open("/verify")
    archives = {code: bundle_zip.pack(resigned(changed, house.key)) for code, changed in cases.items()}
    values = {**given({}, [], house, authority), "archives": [_64(one) for one in archives.values()]}
    for (code, archive), (told, _) in zip(archives.items(), await page.evaluate(WHOLE, values), strict=True):
        report = verify_bundle(archive, roots=[authority.root_pem], log_key=house.key.vkey.encode())
        assert (told, report.code) == (code, code)
    held = {**files, f"renewed/{sha256(b'newer').hexdigest()}.ers": b"newer"}  # outside what the log signed
    misnamed = {**files, f"renewed/{'0' * 64}.ers": b"newer"}
    for changed, code in ((held, "proven"), (misnamed, "manifest")):
        ((told, _),) = await page.evaluate(MANY, given(changed, [[None, 0, 0]], house, authority))
        assert told == code
    ((told, _),) = await page.evaluate(MANY, given(files, [[None, 0, 0]], house, other))
    assert told == "chain"
    forged = resigned({**files, "log-key.pem": key.public_pem}, key)
    ((told, _),) = await page.evaluate(MANY, given(forged, [[None, 0, 0]], house, authority))
    assert told == "log_key"


async def test_tokens_that_the_command_takes_or_refuses_the_page_takes_or_refuses(visit: Open) -> None:
    """The verifier's table of cases, asked of the page: the same codes, for all that DER and its certificates hold."""
    from tests.evidence import test_tsp as table

    script = """async ({cases, now}) => {
      const {verified} = await import("/static/verify/stamp.js");
      const {readable} = await import("/static/verify/certificates.js");
      const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
      const found = {};
      for (const [name, one] of Object.entries(cases)) {
        try {
          await verified(bytes(one.response), {data: bytes(one.data), untrusted: readable(one.untrusted.map(bytes)),
            roots: readable(one.roots.map(bytes)), lists: one.lists.map(bytes), at: now});
          found[name] = "ok";
        } catch (error) { found[name] = error.code || String(error); }
      }
      return found;
    }"""
    cases: dict[str, Any] = {}
    wanted: dict[str, str] = {}
    ours = {"data", "roots", "untrusted", "crls"}
    for name, (code, build) in {**{name: ("ok", one) for name, one in table.ACCEPTED.items()}, **table.REFUSED}.items():
        case = build()
        if not set(case.how) <= ours or case.how.get("data", b"") is None or len(case.response) > 100_000:
            continue
        how = {"roots": [table.root().pem], "data": table.DATA, "untrusted": [], "crls": [], **case.how}
        cases[name] = {
            "response": _64(case.response),
            "data": _64(how["data"]),
            "roots": [_64(one) for one in _der(how["roots"])],
            "untrusted": [_64(one) for one in _der(how["untrusted"])],
            "lists": [_64(one) for one in how["crls"]],
        }
        wanted[name] = code
    page = await (await visit()).open("/verify")
    found = await page.evaluate(script, {"cases": cases, "now": table.LATER})
    assert len(cases) > 80
    differing = {name: (found[name], code) for name, code in wanted.items() if found[name] != code}
    assert differing == {}


def _64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _der(given: Any) -> list[bytes]:
    from pumpkin.evidence import certificates

    return [one.der for one in certificates.read_all(given)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_is_for_everybody(visit: Open, made: Any, tmp_path: Path, scheme: str) -> None:
    """axe finds nothing serious, before and after a bundle was judged, on a small screen too."""
    (tmp_path / "check.zip").write_bytes(made[2])
    page = await (await visit(color_scheme=scheme, viewport={"width": 360, "height": 640})).open("/verify")
    assert await faults(page) == []
    await page.set_input_files("#verify-bundle", tmp_path / "check.zip")
    await expect(page.locator("#verify-result")).to_contain_text("trust is not established")
    assert await faults(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
