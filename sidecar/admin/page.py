"""The dashboard as it is sent: one document without outside resources, put together once.

The browser runs nothing but this style sheet and this script: the policy names them by their
hashes, so that nothing a client of the proxy calls itself (a model's name) can become code.
"""

import base64
import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import web
from multidict import CIMultiDict

_POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A document, and what is sent with it."""

    body: bytes
    zipped: bytes
    """The same, with gzip."""
    policy: str
    """Content-Security-Policy."""
    tag: str
    """ETag: changes with the document."""

    def answer(self, request: web.Request) -> web.Response:
        """The document, zipped where that is accepted; 304 where the browser has it already."""
        headers = CIMultiDict(
            {
                "Content-Security-Policy": self.policy,
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-cache",
                "ETag": self.tag,
                "Vary": "Accept-Encoding",
            }
        )
        if self.tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = "text/html; charset=utf-8"
        if not _takes_gzip(request.headers.get("Accept-Encoding", "")):
            return web.Response(body=self.body, headers=headers)
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=self.zipped, headers=headers)


def dashboard() -> Page:
    """The page in `dashboard/`."""
    folder = files("sidecar.admin").joinpath("dashboard")
    html, style, script = (
        folder.joinpath(name).read_text("utf-8") for name in ("page.html", "page.css", "page.js")
    )
    return page(html, style=style, script=script)


def page(html: str, *, style: str, script: str) -> Page:
    """`html` with these two in the places `/*style*/` and `/*script*/`."""
    body = html.replace("/*style*/", style).replace("/*script*/", script).encode()
    return Page(
        body=body,
        zipped=gzip.compress(body, mtime=0),
        policy=_POLICY.format(script=_hash(script), style=_hash(style)),
        tag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _takes_gzip(accepted: str) -> bool:
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
