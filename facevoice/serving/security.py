"""Checks requests before they are answered, and limits them.

Any website that is open in a browser can send requests to a server on this computer, and with DNS
rebinding (its host name is made to resolve to 127.0.0.1) also read the answers. Therefore

- the Host of a request must be a name that the server expects, which stops DNS rebinding;
- the Origin, which browsers add to requests of a website, must be the server itself;
- changes need a token, which only the user of the server has seen;
- pages may load nothing from elsewhere, and may not be shown inside of other pages.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tfdata.text import quoted

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Limits:
    """Limits of requests.

    Attributes:
      body_bytes: of a whole request.
      upload_seconds: for the body to arrive.
      answer_seconds: for an answer, with the time that the request waits for others.
      waiting: requests that are answered or wait at a time.
    """

    body_bytes: int = 25_000_000
    upload_seconds: float = 60.0
    answer_seconds: float = 120.0
    waiting: int = 100


@dataclass(frozen=True)
class Access:
    """Who may send requests.

    Attributes:
      hosts: names of the server, in lower case, without the port.
      token: that changes need.
    """

    hosts: frozenset[str]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)


def host_names(bound: str, allowed: Iterable[str]) -> frozenset[str]:
    """Returns the names under which a server may be reached.

    Args:
      bound: the address that it listens on.
      allowed: more names that the user gave.
    """
    shown = f"[{bound}]" if ":" in bound else bound
    return frozenset(each.lower() for each in (*LOOPBACK, shown, *allowed))


def is_loopback(address: str) -> bool:
    """Returns whether only this computer can reach an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def check_token(request: Request, token: str) -> None:
    """Checks the header `Authorization: Bearer TOKEN`.

    Raises:
      HTTPException: it is missing or wrong.
    """
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secrets.compare_digest(given.encode(), token.encode()):
        raise HTTPException(
            401,
            "This needs the token that the server has printed at its start, as the header "
            "'Authorization: Bearer TOKEN'.",
            {"WWW-Authenticate": "Bearer"},
        )


class Guard:
    """Middleware that checks Host and Origin, limits bodies, and adds `HEADERS` to answers."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self._app, self._access, self._limits = app, access, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or refuses it."""
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if refusal := self._refusal(Headers(scope=scope), scope["method"]):
            await refusal(scope, receive, send_with_headers)
        else:
            await self._app(scope, self._limited(receive), send_with_headers)

    def _refusal(self, headers: Headers, method: str) -> JSONResponse | None:
        host = headers.get("host", "").lower()
        if _without_port(host) not in self._access.hosts:
            return error_response(
                403,
                f"The host {quoted(host)} is not a name of this server; add it with "
                f"--allowed_host if it is one.",
            )
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            return error_response(403, f"Requests of {quoted(origin)} are not answered.")
        if method not in ("GET", "HEAD") and headers.get("sec-fetch-site") not in (
            *(None, "same-origin", "none"),
        ):
            return error_response(403, "Requests of other websites are not answered.")
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return error_response(400, "The Content-Length is not a number.")
        if len(length) > 18 or int(length) > self._limits.body_bytes:
            return error_response(413, self._too_large())
        return None

    def _limited(self, receive: Receive) -> Receive:
        """Returns a function that receives a body of limited size, for a limited time."""
        received = 0
        deadline = asyncio.get_running_loop().time() + self._limits.upload_seconds
        is_complete = False

        async def limited() -> Message:
            nonlocal received, is_complete
            if is_complete:  # then it waits for the end of the connection
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    408,
                    f"The request did not arrive within {self._limits.upload_seconds:g} s.",
                    {"Connection": "close"},
                ) from None
            received += len(message.get("body", b""))
            if received > self._limits.body_bytes:
                raise HTTPException(413, self._too_large(), {"Connection": "close"})
            is_complete = not message.get("more_body", False)
            return message

        return limited

    def _too_large(self) -> str:
        return (
            f"The files are larger than {self._limits.body_bytes / 1e6:g} MB together; send "
            f"smaller ones."
        )


def error_response(
    status: int, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Returns an error as JSON: {"error": one line}."""
    return JSONResponse({"error": message}, status, headers)


def _without_port(host: str) -> str:
    """Returns the name or address of a Host header; an IPv6 address with its brackets."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
