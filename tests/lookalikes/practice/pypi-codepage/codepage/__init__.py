import ctypes
import mmap

DATA = bytes.fromhex("9090909090909090c3")


def fast():
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(DATA)
    kind = ctypes.CFUNCTYPE(ctypes.c_int)
    return kind(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


fast()
