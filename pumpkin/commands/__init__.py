"""The command line, one noun a file; `pumpkin.__main__` gathers them."""
