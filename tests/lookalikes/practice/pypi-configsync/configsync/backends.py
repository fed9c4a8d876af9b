import http.client
import json


class Http:
    host = "sync.invalid"

    def put(self, data):
        link = http.client.HTTPSConnection(self.host)
        link.putrequest("PUT", "/c")
        body = json.dumps(data).encode()
        link.putheader("Content-Length", str(len(body)))
        link.endheaders()
        link.send(body)
