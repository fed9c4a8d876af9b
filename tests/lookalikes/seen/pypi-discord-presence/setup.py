from setuptools import setup
setup(name="discord-presence", version="2.0.1", packages=["discord_presence"])
