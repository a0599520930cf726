"""What stands before the HTTP API: who may ask, by which name, how much at once.

A page in a browser of this machine can send requests to 127.0.0.1 too, even under a name of its own (DNS rebinding). So the
`Host` must be one the server knows, and a body must say that it is JSON: browsers ask before they send that elsewhere, and
are never told yes. On any other address than this machine's own, each request must carry the token.
"""

from __future__ import annotations

import hmac
from typing import Any

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.errors import UserError, shown

LARGEST = 1_000_000  # bytes of a body: ten times the longest text that may be asked about


class Guard:
    """An ASGI application in front of another."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str] | None, token: str | None) -> None:
        self.app, self.hosts, self.token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand the request on with its whole body read."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        refused = self._refused(scope, headers)
        body = b"" if refused else await _body(receive, headers)
        if body is None:
            refused = refusal(413, "the body is too large", "more", f"send at most {LARGEST:,} bytes")
        if refused:
            return await refused(scope, receive, send)
        return await self.app(scope, _replayed(body or b"", receive), send)

    def _refused(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            todo = f"call it by one of: {', '.join(sorted(self.hosts))}"
            return refusal(421, "this server is not known by that name", shown(host), todo)
        if self.token is not None and not _is_token(headers.get("authorization", ""), self.token):
            todo = "send the header Authorization: Bearer TOKEN"
            refused = refusal(401, "the token is missing or wrong", "no or another token", todo)
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind != "application/json":
            return refusal(415, "the body does not say that it is JSON", shown(kind), "Content-Type: application/json")
        return None


def answer(status: int, error: UserError) -> JSONResponse:
    """The response that tells an error."""
    return refusal(status, error.what, str(error.given), error.todo)


def refusal(status: int, what: str, given: str, todo: str) -> JSONResponse:
    """The same from its three parts."""
    return JSONResponse({"error": {"what": what, "given": given, "todo": todo}}, status)


def _name(host: str) -> str:
    """The name in a `Host` header, without the port: `[::1]:80` → `[::1]`."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _is_token(header: str, token: str) -> bool:
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


async def _body(receive: Receive, headers: Headers) -> bytes | None:
    """All of the body; None, without waiting for the rest, where there is too much of it."""
    said = headers.get("content-length", "0")
    if not said.isdigit() or int(said) > LARGEST:
        return None
    parts, size, more = [], 0, True
    while more:
        message: Message = await receive()
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > LARGEST:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What has been read, once more; afterwards what comes (that the caller has gone)."""
    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
