"""Limits by address, behind proxies that are trusted and behind those that only say they are."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from pumpkin.web.limits import address, by_https
from pumpkin.web.services import Access
from tests.web.conftest import StartWeb

PROXY = (ip_network("127.0.0.0/8"), ip_network("198.51.100.0/25"))


class _Transport:
    """A peer at an address."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._peer, 1) if name == "peername" else default


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("127.0.0.1", "198.51.100.209", "198.51.100.209"),
        ("127.0.0.1", "10.0.0.1, 198.51.100.209, 198.51.100.4", "198.51.100.209"),
        ("127.0.0.1", "198.51.100.4", "198.51.100.4"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::/64"),
        ("127.0.0.1", "198.51.100.209:40001", "198.51.100.209"),
        ("127.0.0.1", "[2001:db8::1]:4711", "2001:db8::/64"),
        ("127.0.0.1", "198.51.100.209, [2001:db8::1]", "2001:db8::/64"),
        ("127.0.0.1", "198.51.100.209, nonsense", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.209, unknown, 198.51.100.4", "198.51.100.4"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("198.51.100.207", "10.0.0.1", "198.51.100.207"),
    ],
)
def test_whom_a_limit_counts(peer: str, forwarded: str, counted: str) -> None:
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": forwarded}, transport=_Transport(peer))
    assert address(request, PROXY) == counted
    assert address(request) == peer


def test_a_line_the_client_sent_is_not_believed_before_the_one_its_proxy_added() -> None:
    lines = [("X-Forwarded-For", "198.51.100.201"), ("X-Forwarded-For", "198.51.100.209")]
    lines += [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")]
    request = make_mocked_request("GET", "/", headers=CIMultiDict(lines), transport=_Transport("127.0.0.1"))
    assert address(request, PROXY) == "198.51.100.209"
    assert not by_https(request, PROXY)


async def test_strangers_behind_a_trusted_proxy_are_counted_apart(start_web: StartWeb) -> None:
    web = await start_web(access=Access(public_rate=0.001, public_burst=2, trusted=PROXY))

    async def ask(address_: str) -> int:
        async with web.client.get("/api/v1/queue/status/", headers={"X-Forwarded-For": address_}) as answer:
            if answer.status == 429:
                assert int(answer.headers["Retry-After"]) > 1
                assert (await answer.json())["code"] == "rate_limited"
            return answer.status

    assert [await ask("198.51.100.201") for _ in range(3)] == [200, 200, 429]
    assert await ask("198.51.100.202") == 200


async def test_addresses_in_answers_are_those_the_proxy_was_asked_by(start_web: StartWeb) -> None:
    web = await start_web(access=Access(trusted=PROXY))
    headers = {"X-Forwarded-For": "198.51.100.201", "X-Forwarded-Proto": "https", "Host": "pumpkin.example"}
    key = await web.key("packages:read")
    async with web.client.get("/api/v1/reports/history/", headers={**headers, **key}) as answer:
        assert answer.status == 200
