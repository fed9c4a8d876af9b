__title__ = "oldstyle"
__version__ = "2.31.0"
__url__ = "https://oldstyle.example"
