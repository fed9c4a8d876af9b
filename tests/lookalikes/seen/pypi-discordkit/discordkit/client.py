class Client:
    def __init__(self, token):
        self.token = token
