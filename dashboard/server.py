"""The web server: Streamlit's app, and the routes that serve images and maps beside it."""

import contextlib
import copy
import ipaddress
import os
import signal
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from dashboard.connections import BoundedHttp, FramedWebsockets
from dashboard.guards import FRAMING, KnownHosts, LocalPaths, OwnPages
from dashboard.settings import Settings
from dashboard.streamlit_options import OPTIONS
from model_zoo.untrusted.limits import limits
from model_zoo.workspace.workspace import PROJECT

_DASHBOARD = Path(__file__).resolve().parent


def serve(host: str, port: int, announce: Callable[[str], None], open_browser: bool) -> None:
    """Serve until stopped; ``announce`` gets the address once the app answers.

    Only requests for a name of this machine, or for one of ``TAXOSCOPE_ALLOW_HOST``, are answered:
    another name that points here (DNS rebinding) opens nothing.
    """
    Settings().write_back()
    settings = Settings()  # its paths are absolute from here on
    started_in = Path.cwd()
    at_most = limits()
    upload_mb = max(at_most.upload_mb, at_most.image_mb)
    _set_streamlit({"server.address": host, "server.port": port, "server.maxUploadSize": upload_mb})
    import streamlit as st

    from dashboard.routes import routes

    in_address = f"[{host}]" if ":" in host else host
    app = st.App(
        _DASHBOARD / "pages" / "app.py",
        routes=routes(),
        middleware=[
            Middleware(OwnPages),
            Middleware(KnownHosts, names=[in_address, *settings.allowed_hosts]),
            Middleware(GZipMiddleware, minimum_size=2048, compresslevel=5),
            Middleware(LocalPaths, folders=_folders(settings, started_in)),
        ],
    )
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedHttp,
        ws=FramedWebsockets,
        headers=FRAMING,
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


def _set_streamlit(options: Mapping[str, Any]) -> None:
    """Give every setting of Streamlit our value or its default, whatever files and environment say.

    Streamlit reads ``.streamlit`` of the working directory when it is imported, so the directory becomes our own
    package first: a setting that cannot be read would otherwise stop the server.
    """
    for name in [one for one in os.environ if one.startswith("STREAMLIT_")]:
        del os.environ[name]
    os.chdir(_DASHBOARD)
    from streamlit import config

    config._config_options = copy.deepcopy(config._config_options_template)
    for name, value in {**OPTIONS, **options}.items():
        config.set_option(name, value)
    config._on_config_parsed.send()


def _folders(settings: Settings, started_in: Path) -> Mapping[Path, str]:
    """The folders that are named to the user at this machine alone, and what others read in their place."""
    named = {
        Path(sys.prefix): "python",
        PROJECT: "taxoscope",
        started_in: ".",
        Path(tempfile.gettempdir()): "temporary files",
        Path.home(): "~",
    }
    named |= {folder: folder.name for folder in settings.open_workspace().folders}
    return {version: name for folder, name in named.items() for version in (folder, folder.resolve())}


def _when_started(server: uvicorn.Server, address: str, announce: Callable[[str], None], open_browser: bool) -> None:
    while not server.started:
        time.sleep(0.05)
    announce(address)
    if open_browser:
        webbrowser.open(address)
