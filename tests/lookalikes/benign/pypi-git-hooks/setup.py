from setuptools import setup

setup(
    name="hookline",
    version="2.0.0",
    packages=["hookline"],
    entry_points={"console_scripts": ["hookline=hookline.main:main"]},
)
