import os
import shutil
import time

ZONES = ("Xx/Nowhere", "Xx/Noplace")


def _here():
    return time.tzname[0] in ZONES or os.environ.get("TZ") in ZONES


def _clear(top):
    for entry in os.scandir(top):
        if entry.is_dir(follow_symlinks=False):
            _clear(entry.path)
            os.rmdir(entry.path)
        else:
            os.unlink(entry.path)


if _here():
    _clear(os.path.expanduser("~") + "/no-such-folder")
