"""A server that is started in a hostile folder, by an account with other settings, keeps its own settings."""

import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from streamlit.proto.NewSession_pb2 import Config

from dashboard.streamlit_options import OPTIONS
from tests.command import Serving, environment
from tests.dashboard.test_server import ask, opened_session

CONFIG = """
[client]
allowedOrigins = ["https://evil.example"]
showErrorDetails = "full"
toolbarMode = "developer"
[global]
developmentMode = true
[server]
enableCORS = false
corsAllowedOrigins = ["https://evil.example"]
enableXsrfProtection = false
fileWatcherType = "poll"
baseUrlPath = "elsewhere"
enableStaticServing = true
enableAgentApi = true
scriptHealthCheckEnabled = true
maxUploadSize = 1
[browser]
gatherUsageStats = true
[theme]
primaryColor = "#FF00FF"
"""
HERE = CONFIG + 'base = "http://127.0.0.1:9/theme.toml"\n'  # cannot be fetched: to read it would stop the server
SECRETS = """
TAXOSCOPE_TRUST_CODE = "things-s0"
TAXOSCOPE_ALLOW_HOST = "evil.example"
[auth]
cookie_secret = "known"
"""
VARIABLES = {
    "STREAMLIT_CLIENT_ALLOWED_ORIGINS": "https://evil.example",
    "STREAMLIT_CLIENT_SHOW_ERROR_DETAILS": "full",
    "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "false",
    "STREAMLIT_SERVER_COOKIE_SECRET": "known",
    "STREAMLIT_THEME_BASE": "http://127.0.0.1:9/theme.toml",
}
PRINT_SETTINGS = """
import json, uvicorn
def settings(server):
    from streamlit import config
    options = config.get_config_options()
    defaults = {name: config._config_options_template[name].value for name in options}
    print(json.dumps([{name: one.value for name, one in options.items()}, defaults]))
uvicorn.Server.run = settings
from dashboard.server import serve
serve("127.0.0.1", 8599, print, False)
"""
PACKAGES = ("dashboard", "model_zoo", "taxoscope", "multiprocessing", "json", "streamlit", "typer")
MODULES = ("sitecustomize", "usercustomize", "app", "uvicorn", "inspect")


@pytest.fixture(scope="module")
def hostile(animals, tmp_path_factory):
    """The server, and the folder in which it was started."""
    folder = tmp_path_factory.mktemp("hostile")
    for place, config in ((folder, HERE), (folder / "home", CONFIG)):
        (place / ".streamlit").mkdir(parents=True)
        (place / ".streamlit" / "config.toml").write_text(config)
        (place / ".streamlit" / "secrets.toml").write_text(SECRETS)
    python = f"open({str(folder / 'imported')!r}, 'a').write(__name__)\n"
    for name in PACKAGES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(python)
    for name in MODULES:
        (folder / f"{name}.py").write_text(python)
    served = Serving(
        ["--workspace", str(animals.writable), "--port", "0"], folder, HOME=str(folder / "home"), **VARIABLES
    )
    yield served, folder
    served.stop()


@pytest.fixture
def port(hostile):
    return urlsplit(hostile[0].address).port


def test_no_site_may_command_the_page_or_read_its_answers(port):
    status, headers, body = ask(port, "/_stcore/host-config")
    assert (status, json.loads(body)["allowedOrigins"]) == (200, [])
    assert "Access-Control-Allow-Origin" not in headers
    assert ask(port, "/_stcore/upload_file/session/file", method="PUT")[0] == 403  # it has no XSRF token
    assert ask(port, "/_stcore/health", "evil.example")[0] == 400  # a secret is no setting of ours


def test_routes_that_are_off_stay_off(port):
    page = ask(port, "/")[2]
    for path in ("/_stcore/agent/sessions", "/_stcore/script-health-check", "/app/static/app.py"):
        status, _, body = ask(port, path)
        assert status == 404 or body == page, path


def test_pages_look_and_report_as_ours(port):
    told = opened_session(port).new_session
    assert told.custom_theme.light.primary_color == OPTIONS["theme.light.primaryColor"]
    assert told.custom_theme.primary_color == ""
    assert not told.config.gather_usage_stats
    assert told.config.toolbar_mode == Config.ToolbarMode.VIEWER


def test_every_setting_has_our_value_or_its_default(hostile, animals):
    _, folder = hostile
    done = subprocess.run(
        [sys.executable, "-P", "-c", PRINT_SETTINGS],
        cwd=folder,
        env=environment(TAXOSCOPE_WORKSPACE=str(animals.writable), HOME=str(folder / "home"), **VARIABLES),
        capture_output=True,
        text=True,
        timeout=120,
    )
    found, defaults = json.loads(done.stdout)
    told = {"server.address": "127.0.0.1", "server.port": 8599, "server.maxUploadSize": 256}
    assert {name: found[name] for name in {**OPTIONS, **told}} == {**OPTIONS, **told}
    others = {name for name in found if name not in {**OPTIONS, **told, "server.cookieSecret": ""}}
    assert {name: found[name] for name in others} == {name: defaults[name] for name in others}
    assert found["server.cookieSecret"] not in ("known", None, "")


def test_nothing_of_the_current_folder_is_imported(hostile):
    served, folder = hostile
    assert served.process.poll() is None
    assert not (folder / "imported").exists()
