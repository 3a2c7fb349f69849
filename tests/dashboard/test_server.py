"""The server from outside, over real sockets: its own pages get everything, other sites and names nothing."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest
from command import Serving, environment
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dashboard.server import is_loopback

START_S = 40  # a busy machine needs some; one that probes in vain says "ready" after 60 at the earliest


def serve(animals, folder, *arguments, **more):
    started = time.monotonic()
    served = Serving(["--workspace", str(animals.writable), "--port", "0", *arguments], folder, **more)
    served.seconds = time.monotonic() - started
    return served


@pytest.fixture(scope="module")
def port(animals, tmp_path_factory):
    served = serve(animals, tmp_path_factory.mktemp("served"))
    yield urlsplit(served.address).port
    served.stop()


def ask(port, path, host="localhost:{port}", method="GET", at="127.0.0.1", **headers):
    """Status, headers and body; header names are written with _ for -."""
    connection = http.client.HTTPConnection(at, port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": host, **headers}.items():
        connection.putheader(name.replace("_", "-"), value.format(port=port))
    connection.endheaders()
    answer = connection.getresponse()
    try:
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def first_message(port, host="localhost:{port}", origin="http://localhost:{port}"):
    """What the app says first when a browser opens its websocket and asks for the page."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        uri = f"ws://{host.format(port=port)}/_stcore/stream"
        options = {"origin": origin and origin.format(port=port), "subprotocols": ["streamlit"], "proxy": None}
        with connect(uri, sock=sock, open_timeout=30, max_size=None, **options) as websocket:
            asked = BackMsg()
            asked.rerun_script.query_string = ""
            websocket.send(asked.SerializeToString())
            return ForwardMsg.FromString(websocket.recv(timeout=60)).WhichOneof("type")


# -- who is answered -------------------------------------------------------------------------------------------------


def test_the_ordinary_page_works(port):
    status, headers, page = ask(port, "/")
    assert (status, headers.get_content_type()) == (200, "text/html")
    script = page.decode().split('src="./')[1].split('"')[0]
    assert ask(port, f"/{script}", Sec_Fetch_Site="same-origin")[0] == 200
    assert first_message(port) == "new_session"
    status, headers, body = ask(port, "/file/i0000", Sec_Fetch_Site="same-origin")
    assert (status, headers["Content-Type"], body[:4]) == (200, "image/png", b"\x89PNG")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:{port}", "127.0.0.1:{port}", "[::1]:{port}", "localhost:9"])
def test_every_name_of_this_machine_is_answered_forwarded_ports_too(port, host):
    assert ask(port, "/_stcore/health", host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example:{port}",
        "127.0.0.1.evil.example",
        "evil.example/localhost",
        "evil@localhost",
        "[::2]:{port}",
        "",
    ],
)
def test_another_name_that_points_here_opens_nothing(port, host):
    for path in ("/", "/_stcore/health", "/file/i0000"):
        assert ask(port, path, host)[0] == 400


def test_another_name_that_points_here_opens_no_websocket(port):
    with pytest.raises(InvalidStatus, match="400"):
        first_message(port, "evil.example:{port}", "http://evil.example:{port}")


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:1", "http://localhost", "http://127.0.0.1:{port}", "http://evil.example:{port}", "null", ""],
)
def test_pages_of_another_origin_open_no_websocket_and_get_no_answer(port, origin):
    with pytest.raises(InvalidStatus, match="403"):
        first_message(port, origin=origin)
    for method, path in (("GET", "/file/i0000"), ("PUT", "/_stcore/upload_file/a/b"), ("GET", "/_stcore/host-config")):
        assert ask(port, path, method=method, Origin=origin)[0] == 403


@pytest.mark.parametrize("origin", ["http://localhost:{port}", "https://localhost:{port}", None])
def test_the_own_origin_and_clients_without_one_open_the_websocket(port, origin):
    assert first_message(port, origin=origin) == "new_session"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
@pytest.mark.parametrize("path", ["/file/i0000", "/map/things-s0/i0000", "/file/nowhere"])
def test_pages_of_other_sites_get_no_image_and_no_map(port, path, site):
    status, headers, body = ask(port, path, Sec_Fetch_Site=site)
    assert (status, headers["Cross-Origin-Resource-Policy"]) == (403, "same-origin")
    assert body == b"Images and maps are for this dashboard's own pages; open them there."


def test_a_link_from_another_site_opens_the_page(port):
    assert ask(port, "/compare", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200


# -- the address -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
@pytest.mark.parametrize(("host", "address"), [("::1", "http://[::1]:"), ("::", "http://localhost:")])
def test_ipv6_is_announced_as_browsers_write_it_and_no_proxy_is_asked(animals, tmp_path, host, address):
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), "http://127.0.0.1:9")
    served = serve(animals, tmp_path, "--host", host, no_proxy="", NO_PROXY="", **proxies)
    try:
        assert served.address.startswith(address), served.lines
        assert served.seconds < START_S
        assert any("no sign-in" in line for line in served.lines) == (host == "::")
        port = urlsplit(served.address).port
        assert ask(port, "/_stcore/health", f"[{host}]:{port}", at="::1")[0] == 200
        assert ask(port, "/_stcore/health", "evil.example", at="::1")[0] == (200 if host == "::" else 400)
    finally:
        served.stop()


def test_a_server_that_did_not_start_is_not_called_ready(animals, tmp_path):
    script = "import sys; from dashboard.server import serve; serve('127.0.0.1', int(sys.argv[1]), print, False)"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        threading.Thread(target=_answer_everything, args=(taken,), daemon=True).start()
        done = subprocess.run(
            [sys.executable, "-c", script, str(taken.getsockname()[1])],
            cwd=tmp_path,
            env=environment(TAXOSCOPE_WORKSPACE=str(animals.writable)),
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode != 0
    assert "http://" not in done.stdout
    assert "address already in use" in done.stderr


def _answer_everything(listening):
    while True:
        try:
            with listening.accept()[0] as one:
                one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except OSError:
            return


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1", "0:0:0:0:0:0:0:1"])
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "localhost.example", "fe80::1%eth0", ""])
def test_no_loopback(host):
    assert not is_loopback(host)
