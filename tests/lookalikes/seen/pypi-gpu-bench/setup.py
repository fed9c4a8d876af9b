from setuptools import setup
setup(name="gpu-bench", version="0.7.0", packages=["gpu_bench"], entry_points={"console_scripts": ["gpu-bench=gpu_bench:main"]})
