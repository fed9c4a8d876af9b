"""New keys for log and authority on a real installation: old statements hold, new ones continue them, all is logged."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import zipfile
from pathlib import Path

from pumpkin.evidence import keys
from pumpkin.evidence.checkpoint import VerifierKey
from tests.acceptance.product import PUMPKIN, Product
from tests.acceptance.test_walk import bundle_of, post_check, trust, verify


def probe_file(product: Product, folder: Path, name: str) -> Path:
    """A probe's file, its account made and approved."""
    account = json.loads(product.command("agent", "add", name, "--json"))
    xmpp = product.facts["xmpp"]
    file = folder / f"{name}.json"
    fleet_key = (product.data / "fleet-key.txt").read_text().strip()
    given = {"jid": account["jid"], "passwd": account["password"], "server": f"127.0.0.1:{xmpp['port']}"}
    file.write_text(json.dumps({**given, "ca": xmpp["ca"], "fleet_key": fleet_key}))
    return file


def begin(file: Path, data: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(PUMPKIN), "probe", "-c", str(file), "--data", str(data)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_probes_follow_the_fleets_new_key_also_one_that_was_away(tmp_path: Path) -> None:
    product = Product(tmp_path / "data").start()
    probes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        reader = product.key("agents:read", "checks:read")
        files = {name: probe_file(product, tmp_path, name) for name in ("here", "away")}
        for name, file in files.items():
            probes[name] = begin(file, tmp_path / name)
        job = {"type": "turn", "command": "echo one", "period": 0.5}
        number = str(json.loads(product.command("job", "add", json.dumps(job), "--all", "--json"))["id"])

        def runs(version: int, *names: str) -> None:
            deadline = time.monotonic() + 40
            for name in names:
                while True:
                    order = product.json(f"/api/v1/agents/{name}@localhost/jobs", key=reader)["data"]
                    if (order["running"], order["drift"]) == (version, ""):
                        break
                    assert time.monotonic() < deadline, order
                    time.sleep(0.1)

        runs(1, "here", "away")
        probes["away"].kill()
        for turn in range(2):
            assert product.stop() == 0
            said = json.loads(product.command("rekey", "fleet", "--json"))
            assert said["orders signed anew"] == 2
            product.start()
            changed = json.dumps({**job, "command": f"echo {turn}"})
            product.command("job", "change", number, changed)
            runs(2 + turn, "here")
        assert (product.data / "fleet-key.txt").read_text().strip() == said["new"]
        probes["away"].wait()
        probes["away"] = begin(files["away"], tmp_path / "away")
        runs(3, "away")
        key = product.key("checks:read")
        told = product.json("/api/v1/checks?q=system:keys", key=key)["data"]["items"]
        assert [one["type"] for one in told].count("fleet-key") == 2
    finally:
        for one in probes.values():
            one.kill()
            one.wait()
        product.kill()


def test_log_and_authority_get_new_keys_and_everything_before_stands(tmp_path: Path) -> None:
    product = Product(tmp_path / "data").start()
    try:
        key = product.key("checks:write", "checks:read")
        first = post_check(product, key)
        product.until_stamped(first, key)
        early = bundle_of(product, first, key, tmp_path / "early.zip")
        old = [shutil.copy(product.facts[name], tmp_path / name) for name in ("tsa_root", "log_key")]
        (tmp_path / "kept.txt").write_bytes(product.request("/log/checkpoint")[2])
        product.command("rekey", "log", status=1)  # while it runs
        assert product.stop() == 0
        said = json.loads(product.command("rekey", "log", "--json"))
        assert said["old"] != said["new"]
        assert json.loads(product.command("rekey", "authority", "--compromised", "--json"))["stamps renewed"] >= 1
        assert not [path for path in (tmp_path / "data").glob("*.secret.pem") if path.stat().st_mode & 0o077]
        product.start()

        held = verify(str(early), "--root", str(old[0]), "--log-key", str(old[1]))
        assert held.returncode == 0, held.stdout
        second = post_check(product, key)
        product.until_stamped(second, key)
        again = bundle_of(product, first, key, tmp_path / "again.zip")
        roots = ["--root", str(old[0]), *trust(product)]
        now = json.loads(verify(str(again), *roots, "--json").stdout)
        assert now["ok"], now
        assert len(now["checks"][0]["renewals"]) == 1, "the new authority stands over the old one's token"
        assert verify(str(again), "--root", str(old[0]), "--log-key", str(old[1])).returncode == 1, "another log key"
        assert verify(str(bundle_of(product, second, key, tmp_path / "2.zip")), *trust(product)).returncode == 0
        with zipfile.ZipFile(again) as archive:
            archive.extractall(tmp_path / "again")
        script = ["bash", "verify.sh", str(old[0])]
        plain = subprocess.run(script, cwd=tmp_path / "again", capture_output=True, text=True, check=False)
        assert plain.returncode == 0, plain.stdout + plain.stderr
        audited = json.loads(product.command("audit", "--checkpoint", str(tmp_path / "kept.txt"), "--json"))
        assert audited["ok"], audited

        deadline = time.monotonic() + 20
        while len(found := product.json("/api/v1/checks?q=system:keys", key=key)["data"]["items"]) < 2:
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        assert {one["type"] for one in found} == {"log-key", "authority-key"}
        change = next(one for one in found if one["type"] == "log-key")
        told = json.loads(product.json(f"/api/v1/checks/{change['id']}", key=key)["data"]["payload"]["text"])
        signed = keys.succession(told["old"], told["new"], told["size"], bytes.fromhex(told["root"]))
        for name in ("old", "new"):
            assert VerifierKey.parse(told[name]).verify(bytes.fromhex(told[f"signed_by_{name}"]), signed)
        assert VerifierKey.parse(told["old"]).pem == Path(old[1]).read_bytes()
    finally:
        product.kill()
