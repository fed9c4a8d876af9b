from .connect import ssh_connect
