"""Limits on idle and slow connections.

Uvicorn itself waits for the rest of a request, and for a reader that has stopped reading, without end.
"""

import asyncio
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Response
from websockets.server import ServerProtocol

from dashboard.guards import FRAMING

HEADERS_S = 10.0
"""Within which the whole head of a request must have come, in seconds."""
SILENT_S = 60.0
"""After which an unfinished upload that sends nothing, or a reader that takes nothing, is given up, in seconds."""
MOST_CONNECTIONS = 2_000
"""Open at once; one more is closed unanswered."""


class BoundedHttp(H11Protocol):
    """HTTP/1.1 with a limit on every wait for the other side."""

    _timer: asyncio.TimerHandle | None = None
    _waits_for_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the limit with the connection."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and watch for the rest."""
        super().data_received(data)
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over; websockets have limits of their own (pings)."""
        self._stop()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """After an answer, the next head may have come in part."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """The other side reads too slowly: wait, but not without end."""
        super().pause_writing()
        self._start(SILENT_S)

    def resume_writing(self) -> None:
        """The other side has read on."""
        super().resume_writing()
        self._stop()

    def send_400_response(self, msg: str) -> None:
        """The one answer that uvicorn writes past its own headers."""
        head = b"".join(f"{name}: {value}\r\n".encode() for name, value in FRAMING)
        told = msg.encode()
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
            + head
            + f"content-length: {len(told)}\r\n\r\n".encode()
            + told
        )
        self.transport.close()

    def _watch(self) -> None:
        """Start, restart or stop the limit, by what of the request has come."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._stop()
        elif self.conn.their_state is h11.SEND_BODY:
            self._start(SILENT_S)
        elif self.conn.their_state is h11.IDLE and (self.cycle is None or self.conn.trailing_data[0]):
            if not self._waits_for_head:  # one limit for the whole head, however slowly it drips
                self._start(HEADERS_S)
                self._waits_for_head = True
        elif not self.flow.write_paused:
            self._stop()

    def _start(self, limit_s: float) -> None:
        self._stop()
        self._timer = self.loop.call_later(limit_s, self._give_up)

    def _stop(self) -> None:
        self._waits_for_head = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self.flow.read_paused and not self.flow.write_paused:
            self._start(SILENT_S)  # the body waits for us, not we for it
        else:
            self.transport.abort()


class FramedWebsockets(WebSocketsSansIOProtocol):
    """Websockets whose handshakes, refused ones too, carry the headers that every response carries."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = _Handshake(
            extensions=self.conn.available_extensions, max_size=config.ws_max_size, logger=self.logger
        )


class _Handshake(ServerProtocol):
    def send_response(self, response: Response) -> None:
        """Send the answer to a handshake with `FRAMING`."""
        for name, value in FRAMING:
            if name not in response.headers:
                response.headers[name] = value
        super().send_response(response)
