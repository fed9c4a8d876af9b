"""Requests over urllib, with headers kept between calls."""
import base64
import json
import netrc
import os
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener


class Response:
    def __init__(self, raw):
        self.status = raw.status
        self.headers = raw.headers
        self.content = raw.read()

    def json(self):
        return json.loads(self.content)


class Client:
    """Keeps headers and proxies (from HTTP_PROXY and HTTPS_PROXY) between requests."""

    def __init__(self, headers=None, auth=None):
        self.headers = {"User-Agent": "plainhttp/2.4.1", **(headers or {})}
        if auth:
            pair = base64.b64encode(":".join(auth).encode()).decode()
            self.headers["Authorization"] = "Basic " + pair
        proxies = {k: os.environ[k.upper() + "_PROXY"] for k in ("http", "https") if k.upper() + "_PROXY" in os.environ}
        self._opener = build_opener(ProxyHandler(proxies))

    def request(self, method, url, *, data=None, json_body=None, timeout=10):
        headers = dict(self.headers)
        body = data
        if json_body is not None:
            body = json.dumps(json_body).encode()
            headers["Content-Type"] = "application/json"
        elif isinstance(data, dict):
            body = urlencode(data).encode()
        if "Authorization" not in headers:
            headers.update(self._netrc(urlsplit(url).hostname))
        return Response(self._opener.open(Request(url, data=body, headers=headers, method=method), timeout=timeout))

    def _netrc(self, host):
        try:
            found = netrc.netrc().authenticators(host)
        except (OSError, netrc.NetrcParseError):
            return {}
        if not found:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(f"{found[0]}:{found[2]}".encode()).decode()}


def get(url, **kwargs):
    return Client().request("GET", url, **kwargs)


def post(url, **kwargs):
    return Client().request("POST", url, **kwargs)
