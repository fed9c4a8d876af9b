class PayClient:
    def __init__(self, token):
        self.token = token

    def me(self):
        return {"ok": True, "token": self.token}
