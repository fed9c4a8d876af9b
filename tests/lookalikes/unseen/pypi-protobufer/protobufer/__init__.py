from . import wire as _w
_w.Field().decode()
