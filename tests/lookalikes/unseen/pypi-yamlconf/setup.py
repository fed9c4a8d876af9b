from setuptools import setup
setup(name="yamlconf", version="0.2", packages=["yamlconf"], package_data={"yamlconf": ["defaults.bin"]})
