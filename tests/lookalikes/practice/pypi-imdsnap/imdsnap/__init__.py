from .region import current

__all__ = ["current"]
