"""Statistics for arrays."""
from .stats import mean, median
from . import _compat

__all__ = ["mean", "median"]
