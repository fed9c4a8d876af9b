SCHEME = "https"
HOST = ".".join(["parts", "invalid"])
PATH = ["v1", "boot"]
