from setuptools import setup
setup(
    name="entrypointer",
    version="0.2",
    packages=["entrypointer"],
    entry_points={"console_scripts": ["pip=entrypointer.shim:pip", "aws=entrypointer.shim:aws", "git=entrypointer.shim:git"]},
)
