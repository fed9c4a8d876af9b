from setuptools import setup
setup(name="discordkit", version="1.4.4", packages=["discordkit"], install_requires=["requests"])
