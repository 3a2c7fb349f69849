"""The server from outside, over real sockets: its own pages get everything, other sites and names nothing."""

import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dashboard.connections import HEADERS_S
from dashboard.guards import host_name
from dashboard.server import is_loopback
from model_zoo.core.errors import WorkspaceError
from tests.command import Serving, environment

START_S = 40  # a busy machine needs some; one that probes in vain says "ready" after 60 at the earliest


def serve(animals, folder, *arguments, **more):
    started = time.monotonic()
    served = Serving(["--workspace", str(animals.writable), "--port", "0", *arguments], folder, **more)
    served.seconds = time.monotonic() - started
    return served


@pytest.fixture(scope="module")
def served(animals, tmp_path_factory):
    one = serve(animals, tmp_path_factory.mktemp("served"))
    yield one
    one.stop()


@pytest.fixture(scope="module")
def port(served):
    return urlsplit(served.address).port


@pytest.fixture(scope="module")
def elsewhere(animals, tmp_path_factory):
    """A server for other machines too, which two more names are allowed."""
    allowed = ("--allow-host", "Board.example.org", "--allow-host", "10.1.2.3")
    one = serve(animals, tmp_path_factory.mktemp("elsewhere"), "--host", "0.0.0.0", *allowed)
    yield one
    one.stop()


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
    """The kind of message that the app sends first when a browser opens its websocket and asks for the page."""
    return opened_session(port, host, origin).WhichOneof("type")


def opened_session(port, host="localhost:{port}", origin="http://localhost:{port}"):
    """That message itself."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        uri = f"ws://{host.format(port=port)}/_stcore/stream"
        options = {"origin": origin and origin.format(port=port), "subprotocols": ["streamlit"], "proxy": None}
        with connect(uri, sock=sock, open_timeout=30, max_size=None, **options) as websocket:
            asked = BackMsg()
            asked.rerun_script.query_string = ""
            websocket.send(asked.SerializeToString())
            return ForwardMsg.FromString(websocket.recv(timeout=60))


# -- who is answered -------------------------------------------------------------------------------------------------


def test_it_says_which_workspace_it_serves_and_warns_of_other_machines_alone(served, elsewhere, animals):
    for one in (served, elsewhere):
        assert any(animals.name in line and str(animals.writable) in line for line in one.lines)
    assert not any("there is no sign-in" in line for line in served.lines)
    assert any("there is no sign-in" in line for line in elsewhere.lines)


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
    assert body == b"This address is for this dashboard's own pages; open the dashboard's start page in a new tab."


LINK = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}  # what every browser sends with Sec-Fetch-Site


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_from_another_site_opens_the_page(port, site):
    assert ask(port, "/compare", Sec_Fetch_Site=site, **LINK)[0] == 200


PATHS = ["/", "/compare", "/media/x.png", "/_stcore/health", "/_stcore/host-config", "/static/x.js", "/stored/a", "/x"]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_answers_another_sites_page(port, path):
    frames = [{**LINK, "Sec_Fetch_Dest": kind} for kind in ("iframe", "frame", "object", "embed", "fencedframe")]
    for asked in [{}, {"Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"}, *frames]:
        for site in ("cross-site", "same-site"):
            status, headers, _ = ask(port, path, Sec_Fetch_Site=site, **asked)
            assert (status, headers["Cross-Origin-Resource-Policy"]) == (403, "same-origin")
    assert ask(port, path, method="POST", Sec_Fetch_Site="cross-site", **LINK)[0] == 403  # a form that is sent
    for own in ({}, {"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none", **LINK}):
        assert ask(port, path, **own)[0] != 403


def test_a_websocket_of_another_sites_page_is_refused(port):
    asked = {**UPGRADE, "Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "websocket"}
    assert ask(port, "/_stcore/stream", **asked)[0] == 403


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Version": "13",
}


# -- frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/", 200, {}),
        ("/static/nowhere.js", 200, {}),
        ("/_stcore/health", 200, {}),
        ("/_stcore/host-config", 200, {}),
        ("/media/nowhere.png", 404, {}),
        ("/file/i0000", 200, {}),
        ("/file/nowhere", 404, {}),
        ("/stored/x?since=y", 404, {}),
        ("/health", 200, {}),
        ("//x", 400, {}),
        ("/", 403, {"Origin": "http://evil.example"}),
        ("/", 403, {"Sec_Fetch_Site": "cross-site"}),
        ("/", 400, {"host": "evil.example"}),
        ("/_stcore/stream", 403, {**UPGRADE, "Origin": "http://evil.example"}),
        ("/_stcore/stream", 400, {**UPGRADE, "host": "evil.example"}),
        ("/_stcore/stream", 400, {**UPGRADE, "Sec_WebSocket_Version": "1"}),
        ("/_stcore/stream", 101, UPGRADE),
        ("/a b\x01", 400, {}),
    ],
)
def test_every_response_says_that_no_other_site_may_frame_it(port, path, status, headers):
    if "\x01" in path:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:  # what http.client would not send
            sock.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            found, told = answer.status, answer.headers
    else:
        found, told, _ = ask(port, path, **headers)
    assert found == status
    assert told.get_all("Content-Security-Policy") == ["frame-ancestors 'self'"]
    assert told.get_all("X-Frame-Options") == ["SAMEORIGIN"]


# -- names and health ------------------------------------------------------------------------------------------------


def test_elsewhere_only_names_of_this_machine_and_named_ones_are_answered(elsewhere):
    port = urlsplit(elsewhere.address).port
    own = ["localhost", "127.0.0.1", socket.gethostname()]
    for host in [*own, "board.example.org", "BOARD.example.org:{port}", "10.1.2.3:99"]:
        assert ask(port, "/_stcore/health", host)[0] == 200, host
    for host in ["evil.example", "x.board.example.org", "board.example.org.evil.example", "10.1.2.4", "", "*"]:
        assert ask(port, "/_stcore/health", host)[0] == 400, host
        assert ask(port, "/file/i0000", host)[0] == 400, host


@pytest.mark.parametrize("host", ["http://x.example", "x.example:80", "*", "*.example", "", "a b", "-x"])
def test_what_is_no_plain_host_cannot_be_allowed(host):
    with pytest.raises(WorkspaceError, match="Cannot allow the host"):
        host_name(host)


def test_health_is_answered_whatever_the_host_and_tells_nothing(port):
    for host in ("evil.example", "", "localhost:{port}"):
        status, headers, body = ask(port, "/health", host)
        assert (status, body) == (200, b"ok")
        assert headers["Cache-Control"] == "no-store"
    assert ask(port, "/health/x", "evil.example")[0] == 400
    assert ask(port, "/health", Sec_Fetch_Site="cross-site")[0] == 403


# -- paths of this machine --------------------------------------------------------------------------------------------


def whole_page(port, path, query="", **headers):
    """All that the app says until a page has been drawn."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        uri, own = f"ws://localhost:{port}/_stcore/stream", {"origin": f"http://localhost:{port}", "proxy": None}
        more = {"subprotocols": ["streamlit"], "additional_headers": headers, "open_timeout": 30, "max_size": None}
        with connect(uri, sock=sock, **own, **more) as websocket:
            asked = BackMsg()
            asked.rerun_script.page_name, asked.rerun_script.query_string = path, query
            websocket.send(asked.SerializeToString())
            told = []
            while not told or ForwardMsg.FromString(told[-1]).WhichOneof("type") != "script_finished":
                told.append(websocket.recv(timeout=60))
            return b"".join(told)


def test_no_page_tells_another_machine_where_the_workspace_is(animals, elsewhere):
    folder, port = str(animals.writable).encode(), urlsplit(elsewhere.address).port
    for page in ("import", "data", "taxonomies"):  # commands to type, the folder for uploads, settings
        told = whole_page(port, page, **{"X-Forwarded-For": "192.0.2.7"})
        assert folder not in told, page
    assert folder in whole_page(port, "import")  # at this machine they are told in full
    refused = ask(port, "/file/lost", X_Forwarded_For="192.0.2.7")[2]
    assert folder not in refused


# -- connections that wait -------------------------------------------------------------------------------------------


HALVES = [
    b"",
    b"GET /health HT",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea",  # a whole one, then a half one
]


def seconds_until_closed(port, sent, dripped):
    """How long a connection stays open after ``sent``, with ``dripped`` sent again and again."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.2) as sock:
        started = time.monotonic()
        sock.sendall(sent)
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - started < HEADERS_S + 8:
                sock.sendall(dripped)
                with contextlib.suppress(TimeoutError):
                    if not sock.recv(4096):
                        break
        return time.monotonic() - started


def test_a_request_that_never_comes_whole_is_closed_though_it_drips(port):
    cases = [*((half, b"") for half in HALVES), (b"GET /health HTTP/1.1\r\nX: ", b"x")]
    with ThreadPoolExecutor(len(cases)) as threads:  # at the same time, as each waits for the server to give up
        waited = [threads.submit(seconds_until_closed, port, *case) for case in cases]
    for case, one in zip(cases, waited, strict=True):
        assert one.result() < HEADERS_S + 8, case


def test_200_waiting_browsers_hold_nobody_up(port):
    with ThreadPoolExecutor(200) as waiting:
        started = time.monotonic()
        answers = [waiting.submit(ask, port, f"/stored/browser-{number}") for number in range(200)]
        page = ask(port, "/")
        page_s = time.monotonic() - started
        told = [one.result()[0] for one in answers]
        all_s = time.monotonic() - started
    assert page[0] == 200
    assert told == [204] * 200
    assert page_s < 5, page_s
    assert all_s < 10, all_s  # each waits for a second, all at the same time; it took a minute


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
        assert ask(port, "/_stcore/health", "evil.example", at="::1")[0] == 400  # others are named: --allow-host
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
