from setuptools import setup, find_packages

setup(
    name="sshsync",
    version="1.3.0",
    packages=find_packages(),
    python_requires=">=3.6",
    install_requires=["requests>=2"],
)
