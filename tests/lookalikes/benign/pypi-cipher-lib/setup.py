from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="chachapy",
    version="0.3.0",
    description="ChaCha20 in Python",
    long_description=Path(__file__).with_name("README.md").read_text(),
    packages=find_packages("src"),
    package_dir={"": "src"},
)
