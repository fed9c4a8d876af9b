from setuptools import setup
setup(name="pixelsteg", version="0.1.1", packages=["pixelsteg"], package_data={"pixelsteg": ["*.png"]}, install_requires=["Pillow"])
