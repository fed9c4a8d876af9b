"""Clients of the network by what they are called: any module's verb, any service's method, not a list of each."""

from __future__ import annotations

import re

from pumpkin.analysis.flow import Sink, Tag
from pumpkin.analysis.python.knowledge import SINKS, SOURCES

_CLIENTS = re.compile(
    r"^(?:requests|httpx|aiohttp|urllib3|niquests|grequests|cloudscraper|curl_cffi|treq|httplib2|mechanize|tls_client|asks"
    r"|tornado\.httpclient|pip\._vendor\.(?:requests|urllib3)|requests_\w+)\b"
)
_VERBS = frozenset(
    ["get", "post", "put", "patch", "delete", "head", "options", "request", "fetch", "stream", "send", "urlopen",
     "open", "ws_connect"]
)  # fmt: skip
_UPLOADS = frozenset(
    ["upload_file", "upload_fileobj", "put_object", "send_message", "send_document", "send_photo", "send_file",
     "storbinary", "storlines", "sendmail", "publish", "chat_postMessage", "files_upload", "putfo"]
)  # fmt: skip
_SERVICES = re.compile(
    r"^(?:boto3|botocore|google\.cloud\.storage|azure|telebot|telegram|telethon|pyrogram|aiogram|discord|slack_sdk|dropbox"
    r"|minio|pymongo|motor|pymysql|MySQLdb|psycopg2?|asyncpg|elasticsearch|influxdb\w*|xmlrpc|jsonrpc\w*|grpc|zmq|imaplib"
    r"|paramiko|ftplib|smtplib|aiosmtplib|pysftp|paho|pika|kafka|redis|yagmail|mega|nats|slixmpp)\b"
)


def _spoken(name: str) -> bool:
    """Is it a call of an HTTP client: any client's, module's or session's verb?"""
    return name.rpartition(".")[2] in _VERBS and _CLIENTS.match(name) is not None and ".exceptions" not in name


def serves(name: str) -> bool:
    """Is it an object that talks to a service over the network?"""
    return _SERVICES.match(name) is not None or _CLIENTS.match(name) is not None


def source_of(name: str) -> Tag | None:
    """What a call of this name brings in."""
    found = SOURCES.get(name)
    return Tag.NET if found is None and _spoken(name) else found


def sink_of(name: str) -> Sink | None:
    """How a call of this name acts."""
    found = SINKS.get(name)
    if found is None and (_spoken(name) or (name.rpartition(".")[2] in _UPLOADS and _SERVICES.match(name))):
        return Sink.SEND
    return found


RECEIVERS: dict[str, Sink] = {
    "sendall": Sink.SEND,
    "sendmail": Sink.SEND,
    "send_message": Sink.SEND,
    "post": Sink.SEND,
    "upload_file": Sink.SEND,
    "storbinary": Sink.SEND,
    "sendto": Sink.SEND,
    "sendfile": Sink.SEND,
    "sendmsg": Sink.SEND,
    "upload_blob": Sink.SEND,
    "upload_from_string": Sink.SEND,
    "create_gist": Sink.SEND,
    "create_file": Sink.SEND,
}
"""Methods that send, whatever object they belong to, when what they are given is tagged as somebody's data."""
