import hashlib
import hmac
import urllib.request

from .credentials import resolve


class Client:
    def __init__(self, region, credentials=None):
        self.base = f"https://{region}.api.sky.example"
        self.credentials = credentials or resolve()

    def get(self, path):
        mac = hmac.new(self.credentials.secret.encode(), path.encode(), hashlib.sha256).hexdigest()
        headers = {"X-Sky-Key": self.credentials.key_id, "X-Sky-Signature": mac}
        return urllib.request.urlopen(urllib.request.Request(self.base + path, headers=headers)).read()
