"""The web server: Streamlit's app, and the routes that serve images and maps beside it."""

import contextlib
import ipaddress
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable

import uvicorn
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.settings import Settings
from model_zoo.limits import limits
from model_zoo.workspace import PROJECT


def serve(host: str, port: int, announce: Callable[[str], None], open_browser: bool) -> None:
    """Serve until stopped; ``announce`` gets the address once the app answers.

    Streamlit reads ``.streamlit`` from the working directory, so that becomes the project's.
    On a loopback ``host`` only requests for a name of this machine are answered: another name
    that points here (DNS rebinding) opens nothing.
    """
    Settings().write_back()
    os.chdir(PROJECT)
    os.environ["STREAMLIT_SERVER_ADDRESS"] = host
    os.environ["STREAMLIT_SERVER_PORT"] = str(port)
    os.environ["STREAMLIT_BROWSER_GATHER_USAGE_STATS"] = "false"
    at_most = limits()
    os.environ["STREAMLIT_SERVER_MAX_UPLOAD_SIZE"] = str(max(at_most.upload_mb, at_most.image_mb))
    import streamlit as st

    from dashboard.routes import routes

    in_address = f"[{host}]" if ":" in host else host
    names = ["localhost", "127.0.0.1", "[::1]", in_address] if is_loopback(host) else ["*"]
    app = st.App(
        PROJECT / "dashboard" / "app.py",
        routes=routes(),
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False),
            Middleware(OwnOrigin),
            Middleware(GZipMiddleware, minimum_size=2048, compresslevel=5),
        ],
    )
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        ws_max_size=200 * 2**20,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    address = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0', '::') else in_address}:{port}"
    threading.Thread(target=_when_started, args=(server, address, announce, open_browser), daemon=True).start()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))  # what uvicorn raises again; uploads held end
    with contextlib.suppress(KeyboardInterrupt):  # raised again by uvicorn once it has shut down
        server.run()


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach what listens on ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class OwnOrigin:
    """Middleware: 403 for requests and websockets whose ``Origin`` is not the ``Host`` asked for, port included.

    Streamlit alone would let the pages of every other port of localhost in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse; no ``Origin`` is no other origin."""
        headers = Headers(scope=scope) if scope["type"] in ("http", "websocket") else Headers()
        origin = headers.get("origin")
        if origin is None or origin.partition("://")[2] == headers.get("host"):
            await self.app(scope, receive, send)
        else:
            refusal = PlainTextResponse("This address answers to its own pages only; open it directly.", 403)
            await refusal(scope, receive, send)


def _when_started(server: uvicorn.Server, address: str, announce: Callable[[str], None], open_browser: bool) -> None:
    while not server.started:
        time.sleep(0.05)
    announce(address)
    if open_browser:
        webbrowser.open(address)
