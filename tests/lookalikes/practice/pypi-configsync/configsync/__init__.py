from configsync.loader import Config

config = Config.discover()
