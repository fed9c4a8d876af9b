import os
import subprocess
import sys
import tempfile

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


def has_flag(cc, flag):
    with tempfile.TemporaryDirectory() as tmp:
        source = os.path.join(tmp, "probe.c")
        with open(source, "w") as f:
            f.write("int main(void) { return 0; }\n")
        return subprocess.call([cc, flag, source, "-o", os.path.join(tmp, "probe")], stderr=subprocess.DEVNULL) == 0


class BuildExt(build_ext):
    def build_extensions(self):
        cc = os.environ.get("CC", "cc")
        if sys.platform != "win32" and has_flag(cc, "-march=native"):
            for ext in self.extensions:
                ext.extra_compile_args.append("-march=native")
        super().build_extensions()


setup(
    name="fastcrc",
    version="1.2.0",
    packages=["fastcrc"],
    ext_modules=[Extension("fastcrc._crc", ["src/crc.c"], extra_compile_args=["-O3"])],
    cmdclass={"build_ext": BuildExt},
)
