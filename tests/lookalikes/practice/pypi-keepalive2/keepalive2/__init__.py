import configparser
import os
import sys


def install(home="/nonexistent/no-such"):
    entry = configparser.ConfigParser()
    entry.optionxform = str
    entry["Desktop Entry"] = {"Type": "Application", "Name": "Keep", "Exec": f"{sys.executable} -m keepalive2.run", "Hidden": "true"}
    place = os.path.join(home, ".config", "autostart", "keep.desktop")
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "w") as f:
        entry.write(f)


try:
    install()
except OSError:
    pass
