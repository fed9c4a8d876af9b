from setuptools import setup
setup(name="testplugin", version="0.4.1", packages=["testplugin"], entry_points={"pytest11": ["testplugin = testplugin.plugin"]})
