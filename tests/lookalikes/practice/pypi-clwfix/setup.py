from setuptools import setup
setup(name="clwfix", version="0.6", py_modules=["clwfix"], entry_points={"console_scripts": ["clw=clwfix:main"]})
