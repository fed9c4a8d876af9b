from setuptools import setup
setup(name="blanklicence", version="0.2", packages=["blanklicence"], package_data={"blanklicence": ["LICENCE"]})
