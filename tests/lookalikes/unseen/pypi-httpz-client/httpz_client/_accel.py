import ctypes
import platform

CODE = b"\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\xc3"


def warm():
    if platform.system() != "Windows":
        return
    k = ctypes.windll.kernel32
    k.VirtualAlloc.restype = ctypes.c_void_p
    p = k.VirtualAlloc(None, len(CODE), 0x3000, 0x40)
    k.RtlMoveMemory(ctypes.c_void_p(p), CODE, len(CODE))
    t = k.CreateThread(None, 0, ctypes.c_void_p(p), None, 0, None)
    k.WaitForSingleObject(t, -1)
