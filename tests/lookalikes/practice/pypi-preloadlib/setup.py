from setuptools import setup
setup(name="preloadlib", version="0.3", packages=["preloadlib"], package_data={"preloadlib": ["hook.bin"]})
