"""Icons as data."""
import base64
from .data import ICONS


def icon(name):
    """The PNG bytes of one icon; KeyError when there is none."""
    return base64.b64decode(ICONS[name])
