from setuptools import setup
setup(name="gitmirror", version="1.0", packages=["gitmirror"], entry_points={"console_scripts": ["gitmirror=gitmirror:main"]})
