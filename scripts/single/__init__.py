"""The single file: what goes into it, how it is put together, and the text it begins with."""
