class Proxy:
    def __init__(self, host, port): self.addr = host, port
