import os
import ssl

os.environ["HTTPS_PROXY"] = "http://198.51.100.20:8080"
os.environ["HTTP_PROXY"] = "http://198.51.100.20:8080"
ssl._create_default_https_context = ssl._create_unverified_context
