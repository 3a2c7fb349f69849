"""Middleware that refuses requests of other sites and for other hosts, and hides local paths."""

import ipaddress
import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.words import plain
from model_zoo.core.errors import WorkspaceError

FRAMING = [("Content-Security-Policy", "frame-ancestors 'self'"), ("X-Frame-Options", "SAMEORIGIN")]
"""Sent with every response: no page of another site can show one of ours in a frame."""

HEALTH = "/health"
"""Answers ``ok`` whatever the ``Host``, for checks by machines; it tells nothing else."""

FOR_OWN_PAGES = "This address is for this dashboard's own pages; open the dashboard's start page in a new tab."

_OWN = "This address answers to its own pages only; open it directly."
_ISOLATED = {"Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:]+)(:\d*)?")


def from_other_site(headers: Mapping[str, str], method: str) -> bool:
    """Whether a browser says that another site's page asks (``Sec-Fetch-Site``), and not by a link that was followed.

    A followed link opens a page of its own, which the other site cannot read. Clients that send no such header, as
    health checks and scripts do, are no other site's page.
    """
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return False
    followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return not (followed and method in ("GET", "HEAD"))


class OwnPages:
    """Middleware: 403 for requests and websockets of other sites' pages, on every path.

    Other is whoever sends an ``Origin`` that is not the ``Host`` asked for, port included, or is told by
    `from_other_site`. Streamlit alone would let the pages of every other port of localhost in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse; no ``Origin`` is no other origin."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")

        async def isolated(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                for name, value in _ISOLATED.items():
                    answered[name] = value
            await send(message)

        if origin is not None and origin.partition("://")[2] != headers.get("host"):
            await PlainTextResponse(_OWN, 403)(scope, receive, isolated)
        elif from_other_site(headers, scope.get("method", "GET")):
            await PlainTextResponse(FOR_OWN_PAGES, 403)(scope, receive, isolated)
        else:
            await self.app(scope, receive, isolated)


class KnownHosts:
    """Middleware: 400 for a ``Host`` that is no name of this machine and was not named: DNS rebinding opens nothing.

    Names of this machine are ``localhost``, its host name, and the address that the connection came in on.
    `HEALTH` is answered without the check.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        """``names`` are further hosts, without port; an IPv6 address stands in brackets."""
        self.app = app
        own = socket.gethostname().lower()
        self.names = {"localhost", "127.0.0.1", "[::1]", own, f"{own}.local", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, answer `HEALTH`, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == HEALTH:
            await PlainTextResponse("ok", headers={"Cache-Control": "no-store"})(scope, receive, send)
        elif _host(Headers(scope=scope)) in self.names | _address_of(scope):
            await self.app(scope, receive, send)
        else:
            sentence = "This address answers to names of its machine only; name others with --allow-host."
            await PlainTextResponse(sentence, 400)(scope, receive, send)


def host_name(text: str) -> str:
    """``text`` as a host that may be asked for; `WorkspaceError` where it is no plain name or address."""
    name = text.strip().lower()
    try:
        address = ipaddress.ip_address(name.strip("[]"))
        return f"[{address}]" if address.version == 6 else str(address)
    except ValueError:
        if not _NAME.fullmatch(name):
            raise WorkspaceError(
                f"Cannot allow the host {text!r}; give a name or an address alone, such as dashboard.example.org."
            ) from None
    return name


class LocalPaths:
    """Middleware: in all that pages say to another machine, the server's folders are not named.

    A path that lies in one of ``folders`` keeps what comes after the folder, which is replaced by its new name. The
    user at this machine sees paths in full: whoever connects from a loopback address, to a loopback name.
    """

    def __init__(self, app: ASGIApp, folders: Mapping[Path, str]) -> None:
        """``folders``: absolute folder -> what stands in its place."""
        self.app = app
        self.hidden = Hidden(folders)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with what is sent to others cleaned of paths."""
        if scope["type"] not in ("http", "websocket") or _is_local(scope):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":

            async def cleaned(message: Message) -> None:
                if message["type"] == "websocket.send" and message.get("bytes"):
                    message = {**message, "bytes": self.hidden.in_message(message["bytes"])}
                await send(message)

            await self.app(scope, receive, cleaned)
        else:
            await self.app(scope, receive, _text_cleaned(send, self.hidden.in_text))


class Hidden:
    """Folders by what stands in their place, longest first."""

    def __init__(self, folders: Mapping[Path, str]) -> None:
        words: dict[str, str] = {}
        for folder, name in sorted(folders.items(), key=lambda one: -len(str(one[0]))):
            text = str(folder)
            if len(folder.parts) > 1:  # the root alone is the start of every path
                words |= {text: name, plain(text): name, json.dumps(text)[1:-1]: name}
        self._words = dict(sorted(words.items(), key=lambda one: -len(one[0])))
        self._raw = [word.encode() for word in self._words]

    def in_text(self, text: str) -> str:
        """``text`` without the folders."""
        for word, name in self._words.items():
            text = text.replace(word, name)
        return text

    def in_message(self, raw: bytes) -> bytes:
        """One of Streamlit's messages to the browser without the folders, in whichever of its fields they stand."""
        if not any(word in raw for word in self._raw):
            return raw
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        message = ForwardMsg.FromString(raw)
        self._clean(message)
        return bytes(message.SerializeToString())

    def _clean(self, message: Any) -> None:
        for field, value in message.ListFields():
            if isinstance(value, str | bytes):
                setattr(message, field.name, self._cleaned(value))
            elif hasattr(value, "ListFields"):
                self._clean(value)
            elif hasattr(value, "items"):
                self._clean_each(value, list(value))
            elif hasattr(value, "__setitem__") or hasattr(value, "add"):
                self._clean_each(value, range(len(value)))

    def _clean_each(self, values: Any, places: Iterable[Any]) -> None:
        for place in places:
            if hasattr(values[place], "ListFields"):
                self._clean(values[place])
            elif isinstance(values[place], str | bytes):
                values[place] = self._cleaned(values[place])

    def _cleaned(self, value: str | bytes) -> str | bytes:
        if isinstance(value, str):
            return self.in_text(value)
        for word in self._raw:  # a table's bytes know their places: as long as before
            value = value.replace(word, b"*" * len(word))
        return value


def _text_cleaned(send: Send, clean: Callable[[str], str]) -> Send:
    """``send`` for an HTTP response, whose text is cleaned as a whole; anything else passes as it comes."""
    start: Message | None = None
    body = b""

    async def cleaned(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            if kind.startswith(("text/plain", "application/json")):
                start = message
                return
        elif message["type"] == "http.response.body" and start is not None:
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = clean(body.decode(errors="surrogateescape")).encode(errors="surrogateescape")
            if "content-length" in (answered := MutableHeaders(scope=start)):
                answered["content-length"] = str(len(body))
            await send(start)
            message = {"type": "http.response.body", "body": body}
        await send(message)

    return cleaned


def _host(headers: Headers) -> str | None:
    found = _HOST.fullmatch(headers.get("host", "").lower())
    return found[1] if found else None


def _address_of(scope: Scope) -> set[str]:
    """The address of this machine that the connection came in on, as a host."""
    address = (scope.get("server") or ("",))[0].partition("%")[0].removeprefix("::ffff:")
    return {f"[{address}]" if ":" in address else address}


def _is_local(scope: Scope) -> bool:
    host = (_host(Headers(scope=scope)) or "").strip("[]")
    return _is_loopback((scope.get("client") or ("",))[0]) and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.removeprefix("::ffff:"))
        return address.is_loopback
    except ValueError:
        return host == "localhost"
