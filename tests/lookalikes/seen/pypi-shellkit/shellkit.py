"""Small helpers for shells."""


def quote(s):
    return "'" + s.replace("'", "'\\''") + "'"
