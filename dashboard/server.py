"""The web server: Streamlit's app, and the routes that serve images and maps beside it."""

import contextlib
import os
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable

from model_zoo.workspace import PROJECT


def serve(host: str, port: int, announce: Callable[[str], None], open_browser: bool) -> None:
    """Serve until stopped; ``announce`` gets the address once the app answers.

    Streamlit reads ``.streamlit`` from the working directory, so that becomes the project's.
    """
    os.chdir(PROJECT)
    os.environ["STREAMLIT_SERVER_ADDRESS"] = host
    os.environ["STREAMLIT_SERVER_PORT"] = str(port)
    os.environ["STREAMLIT_BROWSER_GATHER_USAGE_STATS"] = "false"
    import streamlit as st
    import uvicorn
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware

    from dashboard.routes import routes

    app = st.App(
        PROJECT / "dashboard" / "app.py",
        routes=routes(),
        middleware=[Middleware(GZipMiddleware, minimum_size=2048, compresslevel=5)],
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
    address = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}"
    threading.Thread(target=_when_ready, args=(host, port, address, announce, open_browser), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):  # raised again by uvicorn once it has shut down
        uvicorn.Server(config).run()


def _when_ready(host: str, port: int, address: str, announce: Callable[[str], None], open_browser: bool) -> None:
    probe = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}/_stcore/health"
    for _ in range(600):
        try:
            with urllib.request.urlopen(probe, timeout=1):
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    announce(address)
    if open_browser:
        webbrowser.open(address)
