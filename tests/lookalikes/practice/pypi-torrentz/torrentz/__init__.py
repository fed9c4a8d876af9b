from . import _accel
