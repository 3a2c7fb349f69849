"""Reviewers without a browser: each speaks to the server over a websocket of its own, as the panel of Review does."""

import asyncio
import json
import random
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.browser.serving import Served

RESEND_S, RESEND_MOST_S, RESEND_GROWTH = 2.0, 15.0, 1.5
"""As the panel's outbox waits before it sends again."""
FIRST = "order=random"
SECOND = f"{FIRST}&opinion=second"
"""Where they go on when no image of the first queue waits."""
BURST = 5
BURST_EVERY = 20
"""One in so many decisions starts a burst of `BURST` within a second."""


@dataclass
class LightReviewer:
    """One person at work: answers what the queue offers, and sends each answer until it is saved.

    ``rate`` is the median number of decisions a second between bursts. ``saved_s`` holds, for each decision, the
    seconds from the answer to the page's word that it is stored; ``made`` the image and answer of each by number.
    """

    name: str
    url: str
    rate: float
    seed: int
    address: str = FIRST
    client_id: str = field(default_factory=lambda: secrets.token_hex(12))
    made: dict[int, tuple[str, str]] = field(default_factory=dict)
    made_at: dict[int, float] = field(default_factory=dict)
    saved_s: dict[int, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    n_connections: int = 0
    _log: list[dict[str, Any]] = field(default_factory=list)
    _items: list[str] = field(default_factory=list)
    _answered: set[str] = field(default_factory=set)
    _component: str = ""
    _page: str = ""
    _sent_at: float | None = None
    _wait_s: float = RESEND_S
    _socket: ClientConnection | None = None

    async def work(self, seconds: float) -> None:
        """Decide for so long, and once at least, then wait until connected and all is saved.

        `TimeoutError` where that takes a minute longer.
        """
        connection = asyncio.create_task(self._stay_connected())
        try:
            async with asyncio.timeout(seconds + 60):
                await self._decide_until(time.monotonic() + seconds)
                while self._log or self._socket is None:
                    await asyncio.sleep(0.05)
        finally:
            connection.cancel()

    async def _decide_until(self, end: float) -> None:
        chance = random.Random(self.seed)
        left_of_burst = 0
        while time.monotonic() < end or not self.made:
            if left_of_burst:
                left_of_burst -= 1
                await asyncio.sleep(1 / BURST)
            else:
                await asyncio.sleep(min(chance.lognormvariate(0, 0.5) / self.rate, max(0.1, end - time.monotonic())))
                left_of_burst = BURST - 1 if chance.random() < 1 / BURST_EVERY else 0
            if (image_id := next((one for one in self._items if one not in self._answered), None)) is not None:
                self._answered.add(image_id)
                await self._decide(image_id, "cannot_tell" if chance.random() < 0.3 else "confirm")
            elif not self._log and self._component:
                self.address = SECOND
                await self._send({"log": [], "reviewer": self.name})

    async def _decide(self, image_id: str, answer: str) -> None:
        seq = len(self.made) + 1
        self.made[seq], self.made_at[seq] = (image_id, answer), time.monotonic()
        proposal = {"client_id": self.client_id, "seq": seq, "reviewer": self.name, "tries": 0}
        self._log.append(proposal | {"image_id": image_id, "answer": answer, "chosen_by": "drawn at random"})
        await self._pump()

    async def _pump(self) -> None:
        """One message at a time, sent again while it is not answered."""
        if not self._log or not self._component or self._socket is None:
            return
        if self._sent_at is not None:
            if time.monotonic() - self._sent_at < self._wait_s:
                return
            self._wait_s = min(self._wait_s * RESEND_GROWTH, RESEND_MOST_S)
        for one in self._log:
            one["tries"] += 1
        self._sent_at = time.monotonic()
        await self._send({"log": self._log, "reviewer": self.name})

    async def _send(self, state: Mapping[str, Any] | None) -> None:
        message = BackMsg()
        message.rerun_script.query_string = self.address
        message.rerun_script.page_script_hash = self._page
        message.rerun_script.page_name = "" if self._page else "review"
        if state is not None:
            told = WidgetState(id=self._component, json_value=json.dumps(state))
            message.rerun_script.widget_states.widgets.append(told)
        if self._socket is not None:
            try:
                await self._socket.send(message.SerializeToString())
            except WebSocketException:
                self._sent_at = None  # sent again over the next connection

    async def _stay_connected(self) -> None:
        where = f"ws://{urlsplit(self.url).netloc}/_stcore/stream"
        while True:
            try:
                async with connect(where, subprotocols=["streamlit"], max_size=None, open_timeout=5) as socket:  # type: ignore[list-item]
                    self._socket, self._component, self._page, self._sent_at = socket, "", "", None
                    self.n_connections += 1
                    await self._send(None)
                    await asyncio.gather(self._listen(socket), self._keep_pumping(socket))
            except (OSError, WebSocketException, TimeoutError):
                self._socket = None
                await asyncio.sleep(0.2)

    async def _keep_pumping(self, socket: ClientConnection) -> None:
        while self._socket is socket and socket.state.name == "OPEN":
            await asyncio.sleep(0.25)
            await self._pump()

    async def _listen(self, socket: ClientConnection) -> None:
        async for raw in socket:
            message = ForwardMsg.FromString(raw if isinstance(raw, bytes) else raw.encode())
            kind = message.WhichOneof("type")
            if kind == "navigation":
                self._page = message.navigation.page_script_hash
            elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "bidi_component":
                await self._take(message.delta.new_element.bidi_component)

    async def _take(self, component: Any) -> None:
        data = json.loads(component.json) if component.json else {}
        if "acked" not in data:
            return
        first, self._component = not self._component, component.id
        self._items = [one["id"] for one in data["items"]]
        highest = data["acked"].get(self.client_id, -1)
        rejected = {one["seq"]: one["sentence"] for one in data["rejected"] if one["client_id"] == self.client_id}
        self.refused += [f"{seq}: {sentence}" for seq, sentence in rejected.items() if seq > highest]
        for one in self._log:
            if one["seq"] <= highest:
                self.saved_s[one["seq"]] = time.monotonic() - self.made_at[one["seq"]]
        before = len(self._log)
        self._log = [one for one in self._log if one["seq"] > highest and one["seq"] not in rejected]
        if len(self._log) < before:
            self._sent_at, self._wait_s = None, RESEND_S
        if first and not self._log:
            await self._send({"log": [], "reviewer": self.name})
        await self._pump()


async def work_with_kills(served: Served, reviewers: Sequence[LightReviewer], seconds: float, n_kills: int) -> None:
    """All of them at once, while the server is killed (-9) and started again ``n_kills`` times, evenly spread."""

    async def kill() -> None:
        for _ in range(n_kills):
            await asyncio.sleep(seconds / (n_kills + 1))
            await asyncio.to_thread(served.kill)
            await asyncio.to_thread(served.start)

    async with asyncio.TaskGroup() as group:
        group.create_task(kill())
        for one in reviewers:
            group.create_task(one.work(seconds))


def faults(path: Path, reviewers: Sequence[LightReviewer]) -> list[str]:
    """What the database at ``path`` says other than the reviewers saw: each decision once, as it was made."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT client_id, seq, reviewer, image_id, answer FROM decisions").fetchall()
        sound = database.execute("PRAGMA integrity_check").fetchone()[0]
    stored = Counter(rows)
    seen = {(one.client_id, seq, one.name, *one.made[seq]) for one in reviewers for seq in one.saved_s}
    found = [f"stored {n} times: {row}" for row, n in stored.items() if n > 1]
    found += [f"shown as saved, not stored: {row}" for row in sorted(seen - set(stored))]
    made = {(one.client_id, seq, one.name, *said) for one in reviewers for seq, said in one.made.items()}
    found += [f"stored, never made: {row}" for row in sorted(set(stored) - made)]
    found += [f"{one.name} was refused {sentence}" for one in reviewers for sentence in one.refused]
    return found + ([] if sound == "ok" else [f"damaged: {sound}"])
