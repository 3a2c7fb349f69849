"""What another machine is told of this one's folders, and who is another site's page."""

import asyncio
import json
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.guards import Hidden, LocalPaths, from_other_site
from dashboard.words import plain

HOME, DATA = Path("/home/ann_b"), Path("/home/ann_b/my data-2")
HIDDEN = Hidden({HOME: "~", DATA: "animals"})
TEXT = f"Kept in {DATA}/decisions.sqlite, made from {HOME}/x.pt, not in /srv/other."
SAID = "Kept in animals/decisions.sqlite, made from ~/x.pt, not in /srv/other."


def message(text: str) -> ForwardMsg:
    """One of Streamlit's messages with ``text`` in a field of each kind that can hold it."""
    made = ForwardMsg()
    made.delta.new_element.markdown.body = plain(text)
    made.delta.new_element.markdown.help = text
    return made


def test_folders_are_replaced_in_every_way_that_a_page_writes_them() -> None:
    assert HIDDEN.in_text(TEXT) == SAID
    assert HIDDEN.in_text(plain(TEXT)).replace("\\", "") == SAID
    assert HIDDEN.in_text(json.dumps(TEXT)) == json.dumps(SAID)
    assert HIDDEN.in_text("/homes/ann and /home/annabel") == "/homes/ann and /home/annabel"


def test_messages_are_cleaned_field_by_field_and_stay_messages() -> None:
    clean = ForwardMsg.FromString(HIDDEN.in_message(message(TEXT).SerializeToString()))
    assert clean.delta.new_element.markdown.help == SAID
    assert clean.delta.new_element.markdown.body.replace("\\", "") == SAID
    for field in ("session_event", "new_session"):
        made = ForwardMsg()
        if field == "session_event":
            made.session_event.script_changed_on_disk = True
        else:
            made.new_session.main_script_path = str(DATA)
            made.new_session.app_pages.add().page_name = TEXT
        assert DATA.name.encode() not in HIDDEN.in_message(made.SerializeToString())
    table = ForwardMsg()
    table.delta.new_element.dataframe.arrow_data.data = b"\x01" + TEXT.encode() + b"\xff"
    clean = ForwardMsg.FromString(HIDDEN.in_message(table.SerializeToString()))
    found = clean.delta.new_element.dataframe.arrow_data.data
    assert len(found) == len(TEXT) + 2  # offsets in the table still hold
    assert b"ann_b" not in found
    untouched = message("nothing here").SerializeToString()
    assert HIDDEN.in_message(untouched) is untouched


@pytest.mark.parametrize(
    ("client", "host", "local"),
    [
        ("127.0.0.1", "localhost:8501", True),
        ("::1", "[::1]:8501", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("192.0.2.7", "localhost:8501", False),  # a name that anybody can send
        ("127.0.0.1", "board.example.org", False),  # through a proxy on this machine
        ("192.0.2.7", "192.0.2.1:8501", False),
        ("", "localhost", False),
    ],
)
@pytest.mark.parametrize("kind", ["websocket", "text", "json", "image"])
def test_paths_are_told_to_the_user_at_this_machine_alone(client: str, host: str, local: bool, kind: str) -> None:
    raw = message(TEXT).SerializeToString()
    answers = {
        "text": PlainTextResponse(TEXT),
        "json": JSONResponse({"path": TEXT}),
        "image": Response(TEXT.encode(), media_type="image/png"),
    }
    sent: list[dict[str, object]] = []

    async def app(scope, receive, send):
        if kind == "websocket":
            await send({"type": "websocket.send", "bytes": raw})
        else:
            await answers[kind](scope, receive, send)

    async def send(one):
        sent.append(dict(one))

    scope = {
        "type": "websocket" if kind == "websocket" else "http",
        "client": (client, 5000) if client else None,
        "headers": [(b"host", host.encode())],
        "method": "GET",
    }
    asyncio.run(LocalPaths(app, {DATA: "animals", HOME: "~"})(scope, None, send))
    told = sent[-1]["bytes" if kind == "websocket" else "body"]
    assert isinstance(told, bytes)
    assert (b"ann_b" in told or b"ann\\_b" in told) == (local or kind == "image")  # pixels are no text
    if kind != "websocket":
        lengths = [int(value) for name, value in sent[0]["headers"] if name == b"content-length"]
        assert lengths == [len(told)]


FOLLOWED = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    ("headers", "method", "other"),
    [
        ({}, "GET", False),
        ({"sec-fetch-site": "same-origin"}, "POST", False),
        ({"sec-fetch-site": "none"}, "GET", False),
        ({"sec-fetch-site": "cross-site", **FOLLOWED}, "GET", False),
        ({"sec-fetch-site": "same-site", **FOLLOWED}, "HEAD", False),
        ({"sec-fetch-site": "cross-site", **FOLLOWED}, "POST", True),
        ({"sec-fetch-site": "cross-site", **FOLLOWED, "sec-fetch-dest": "iframe"}, "GET", True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"}, "GET", True),
        ({"sec-fetch-site": "same-site"}, "GET", True),
        ({"sec-fetch-site": ""}, "GET", True),
    ],
)
def test_other_sites_may_link_and_nothing_else(headers: dict[str, str], method: str, other: bool) -> None:
    assert from_other_site(headers, method) == other
