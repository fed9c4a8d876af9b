from setuptools import setup
setup(name="slackbridge", version="0.9", packages=["slackbridge"], install_requires=["slack_sdk"])
