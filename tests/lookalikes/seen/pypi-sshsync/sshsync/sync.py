class Syncer:
    def __init__(self, host):
        self.host = host
