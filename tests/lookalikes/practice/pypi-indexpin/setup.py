from setuptools import setup
setup(name="indexpin", version="1.2.0", packages=["indexpin"],
      install_requires=["colorama @ https://files.pyhosted.invalid/packages/d8/53/colorama-0.4.5.tar.gz"])
