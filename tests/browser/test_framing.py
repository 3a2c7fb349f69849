"""Pages of another site, in a real browser: they can link to the dashboard, and not frame, read or command it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.serving import Served

FIRST_S = 120
"""The first page of a server loads all that pages need, in seconds on a busy machine."""

PAGE = """<!doctype html><title>another site</title>
<a id=link href="{app}/decisions?reviewer=Ann">open the decisions</a>
<iframe id=framed src="{app}/"></iframe>
<iframe id=health src="{app}/_stcore/health"></iframe>
<img id=picture src="{app}/file/test-0000">
<script>
  window.said = [];
  addEventListener("message", (event) => window.said.push(event.data));
  const command = {{ stCommVersion: 1, type: "SET_FILE_UPLOAD_CLIENT_CONFIG", prefix: "http://evil.example/" }};
  for (const frame of document.querySelectorAll("iframe"))
    frame.addEventListener("load", () => frame.contentWindow.postMessage(command, "*"));
</script>"""


@pytest.fixture(params=["127.0.0.1", "localhost"])
def other_site(request: pytest.FixtureRequest, app: Served) -> Iterator[str]:
    """A page at another port: of the dashboard's host (same-site) or of another name (cross-site)."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.format(app=app.url).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{request.param}:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_another_site_cannot_frame_read_or_command_the_dashboard(new_page: Open, app: Served, other_site: str) -> None:
    page = new_page()
    page.goto(other_site, wait_until="load")
    for name in ("framed", "health"):
        frame = page.locator(f"#{name}").element_handle().content_frame()
        assert frame is not None
        assert frame.url == "chrome-error://chromewebdata/"  # the browser shows its own page instead of ours
        assert frame.locator("[data-testid=stApp]").count() == 0
    assert page.evaluate("document.getElementById('picture').naturalWidth") == 0
    assert page.evaluate("window.said") == []  # the dashboard greets nobody (GUEST_READY)
    refused = page.evaluate(
        "(url) => fetch(url, { mode: 'no-cors' }).then((answer) => answer.type, (error) => 'failed')",
        f"{app.url}/_stcore/host-config",
    )
    assert refused in ("opaque", "failed")  # a 403 that it cannot even read


def test_a_link_from_another_site_opens_the_dashboard(new_page: Open, app: Served, other_site: str) -> None:
    page = new_page()
    page.goto(other_site)
    page.locator("#link").click()
    page.wait_for_url(f"{app.url}/decisions?reviewer=Ann")
    expect(page.locator("h1")).to_have_text("Decisions", timeout=FIRST_S * 1000)


def test_the_dashboard_hears_no_commands_even_in_a_frame_of_its_own(new_page: Open, app: Served) -> None:
    page = new_page()
    page.goto(f"{app.url}/health")
    page.evaluate(
        """(url) => new Promise((done) => {
            window.said = [];
            addEventListener("message", (event) => window.said.push(event.data?.type));
            const frame = Object.assign(document.createElement("iframe"), { src: url, onload: done });
            document.body.append(frame);
        })""",
        f"{app.url}/",
    )
    inner = page.frame_locator("iframe")
    expect(inner.locator("h1")).to_be_visible(timeout=FIRST_S * 1000)  # its own pages may frame it
    before = inner.locator("h1").inner_text()
    page.evaluate(
        """frames[0].postMessage({ stCommVersion: 1, type: "REQUEST_PAGE_CHANGE", pageScriptHash: "x" }, "*");
        frames[0].postMessage({ stCommVersion: 1, type: "STOP_SCRIPT" }, "*")"""
    )
    expect(inner.locator("h1")).to_have_text(before)
    assert "GUEST_READY" not in page.evaluate("window.said")
