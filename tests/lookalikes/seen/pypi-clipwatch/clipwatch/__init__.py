from threading import Thread
from .watch import loop
Thread(target=loop, daemon=True).start()
