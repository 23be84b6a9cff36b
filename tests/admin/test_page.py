"""The dashboard as it is sent, over a real connection."""

import base64
import gzip
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import TestServer

from sidecar.admin.page import Page, dashboard, page

STYLE, SCRIPT = "p{}", "'use strict'"
PAGE = page("<style>/*style*/</style><script>/*script*/</script>", style=STYLE, script=SCRIPT)


class Reader:
    """Asks for a page and takes its answer as it is."""

    def __init__(self, url: str, client: ClientSession) -> None:
        self._url = url
        self._client = client

    async def get(self, **headers: str) -> tuple[ClientResponse, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._client.get(self._url, headers=named) as response:
            return response, await response.read()


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[Reader]:
    async def handle(request: web.Request) -> web.Response:
        return PAGE.answer(request)

    app = web.Application()
    app.add_routes([web.get("/", handle)])
    async with TestServer(app) as server, ClientSession(auto_decompress=False) as client:
        yield Reader(str(server.make_url("/")), client)


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


async def test_style_and_script_stand_in_the_document(reader: Reader) -> None:
    response, body = await reader.get(Accept_Encoding="identity")

    assert body == b"<style>p{}</style><script>'use strict'</script>"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Content-Encoding" not in response.headers


async def test_the_policy_allows_this_script_and_style_and_nothing_else(reader: Reader) -> None:
    response, _ = await reader.get()
    policy = response.headers["Content-Security-Policy"].split("; ")

    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest(SCRIPT)}'" in policy
    assert f"style-src 'sha256-{digest(STYLE)}'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("*", True),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("identity", False),
        ("x-gzip-like", False),
    ],
)
async def test_it_is_zipped_where_that_is_accepted(
    reader: Reader, accepted: str, zipped: bool
) -> None:
    response, body = await reader.get(Accept_Encoding=accepted)

    assert (response.headers.get("Content-Encoding") == "gzip") == zipped
    assert (gzip.decompress(body) if zipped else body) == PAGE.body
    assert response.headers["Vary"] == "Accept-Encoding"


async def test_a_browser_that_has_it_gets_nothing_again(reader: Reader) -> None:
    first, _ = await reader.get()
    again, body = await reader.get(If_None_Match=first.headers["ETag"])

    assert (again.status, body) == (304, b"")
    assert again.headers["Content-Security-Policy"] == PAGE.policy


async def test_a_browser_that_has_another_gets_it(reader: Reader) -> None:
    response, _ = await reader.get(If_None_Match='"old"')

    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-cache"


def test_another_document_has_another_tag() -> None:
    assert page("a", style="", script="").tag != page("b", style="", script="").tag


@pytest.fixture(scope="module")
def shipped() -> Page:
    return dashboard()


def test_the_shipped_page_has_no_outside_resources(shipped: Page) -> None:
    text = shipped.body.decode()
    addresses = set(re.findall(r"https?://[\w.:-]+", text))

    # The first two are names of XML languages, the third stands in an explanation.
    assert addresses <= {"http://www.w3.org", "http://127.0.0.1:18080"}
    assert not re.search(r"@import|url\(|<(img|iframe|object|embed)\b|\bsrc=", text)


def test_the_shipped_page_makes_no_markup_of_data(shipped: Page) -> None:
    text = shipped.body.decode()

    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text)
    assert not re.search(r"""\s(on\w+|style)=["']""", text), "the policy forbids them"


def test_the_shipped_page_is_small(shipped: Page) -> None:
    """First paint is under 300 ms also where it comes over a slow port-forward."""
    assert len(shipped.zipped) < 20_000


def test_the_shipped_page_is_whole(shipped: Page) -> None:
    assert shipped == replace(shipped, body=gzip.decompress(shipped.zipped))
    assert b"/*style*/" not in shipped.body
    assert b"/*script*/" not in shipped.body
