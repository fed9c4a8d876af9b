import urllib.request


def fetch(url, path):
    urllib.request.urlretrieve(url, path)
