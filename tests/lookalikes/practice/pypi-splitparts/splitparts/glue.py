from .consts import HOST, PATH, SCHEME
from .net import Client
from .runner import run

run("run", Client.get("{}://{}/{}".format(SCHEME, HOST, "/".join(PATH))))
