"""Who may ask: the token, the Host, the Origin and the size of every request.

The page is served to one person on one machine, and every web site that this person visits can
make the browser send requests to 127.0.0.1. So each request is refused unless

- its Host is 127.0.0.1 or localhost at our own port: a foreign name that resolves to 127.0.0.1
  (DNS rebinding) is not ours;
- its Origin, where there is one, is that same host: no other site's page may read or post;
- it carries the token: in the link that opens the page (`/?token=...`, traded at once for a
  cookie that no script can read and no other site's request brings), or as `Authorization:
  Bearer ...` from a script. What changes something and comes by cookie must also say its Origin.

A plain ASGI middleware, as it stands before everything else and must not buffer streams.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lrkit.studio.errors import refusal

MAX_BODY: Final = 1 << 20
MAX_QUERY: Final = 1 << 15
HOSTS: Final = ("127.0.0.1", "localhost")
SAFE: Final = ("GET", "HEAD")
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # plotly styles its drawings by elements of its own; a style can load nothing here.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOST: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>lrkit studio</title>"
    "<h1>This page needs its key</h1><p>Open the link that <code>lrkit studio</code> printed when "
    "it was started: it carries a token, so that nobody else on this machine can steer your runs."
)


class TooLargeError(Exception):
    """The body that is being read is larger than a request may be."""


class Guard:
    """Lets through what carries the *token* and comes from the page itself."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # no web sockets here
            return await send({"type": "websocket.close", "code": 1008})
        answer = self.refused(scope)
        out = _with_headers(send, scope["path"])
        if answer is not None:
            return await answer(scope, receive, out)
        return await self._let_through(scope, receive, out)

    async def _let_through(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and cut its body off where it grows too large."""
        read, begun = 0, False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                raise TooLargeError
            return message

        async def noted(message: Message) -> None:
            nonlocal begun
            if read <= MAX_BODY:  # else the answer is ours, whatever the route makes of it
                begun = True
                await send(message)

        with contextlib.suppress(TooLargeError):
            await self.app(scope, counted, noted)
        if read > MAX_BODY and not begun:
            await _too_large()(scope, receive, send)

    def refused(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is not let through; None for one that is."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in _own_hosts(scope):
            return refusal(403, "request", f"this studio is at 127.0.0.1 alone, got Host {host!r}")
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return refusal(403, "request", f"requests come from the page itself, got {origin!r}")
        if len(scope.get("query_string", b"")) > MAX_QUERY:
            return refusal(413, "request", f"a query may have {MAX_QUERY:,} bytes")
        return self._unknown(scope, headers, host) or _oversized(headers)

    def _unknown(self, scope: Scope, headers: Headers, host: str) -> Response | None:
        """Return the answer to a request without the token."""
        port = host.rpartition(":")[2]
        # Cookies do not tell ports apart: two studios must not overwrite each other's.
        cookie = f"lrkit-studio-{port}"
        if scope["path"] == "/" and scope["method"] in SAFE:
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if given and self._is_token(given):
                answer = RedirectResponse("/", 303)
                answer.set_cookie(cookie, given, path="/", httponly=True, samesite="strict")
                return answer
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(bearer.strip()):
            return None
        held = cookie_parser(headers.get("cookie", "")).get(cookie, "")
        if not self._is_token(held):
            if scope["path"].startswith("/api/"):
                return refusal(401, "token", "a request needs the token; open the link again")
            return HTMLResponse(LOST, 401)
        if scope["method"] not in SAFE and headers.get("origin") is None:
            return refusal(403, "request", "a change says its Origin, or carries a bearer token")
        return None

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "replace"), self.token)


def _own_hosts(scope: Scope) -> set[str]:
    port = (scope.get("server") or ("", 0))[1]
    bare = set(HOSTS) if port == 80 else set()
    return {f"{name}:{port}" for name in HOSTS} | bare


def _oversized(headers: Headers) -> Response | None:
    length = headers.get("content-length", "0")
    return _too_large() if length.isdecimal() and int(length) > MAX_BODY else None


def _too_large() -> Response:
    return refusal(413, "request", f"a body may have {MAX_BODY:,} bytes")


def _with_headers(send: Send, path: str) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            # What is not named by its version may change with the next start.
            headers.setdefault("Cache-Control", "no-store" if path[:5] == "/api/" else "no-cache")
        await send(message)

    return sent
