"""`taxoscope`, as it is typed, with each connection that it opens and each name that it looks up written down.

On SIGUSR1 it forgets its leases, as a restart would.
"""

import os
import signal
import sys
from typing import Any

CONNECTIONS = "connections.txt"
_HERE = ("127.", "::1", "localhost")
_WATCHED = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.getaddrinfo": 0}
"""Event of `sys.addaudithook` -> which of its arguments says where to."""


def leads_out(where: str) -> bool:
    """Whether it is another machine's address, or a name that somebody would have to be asked for."""
    return not where.startswith(_HERE)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _WATCHED:
        where = arguments[_WATCHED[event]]
        if isinstance(where, tuple):
            where = where[0]
        elif event != "socket.getaddrinfo" or where is None:  # a socket of this machine, or nothing to be looked up
            return
        text = os.fsdecode(where) + "\n"
        descriptor = os.open(CONNECTIONS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, text.encode())
        os.close(descriptor)


def _forget_leases(*_: object) -> None:
    from dashboard.decisions.lease_store import Leases
    from dashboard.server_state.open_workspace import desk

    desk().leases, desk().adjudication_leases = Leases(), Leases()


if __name__ == "__main__":
    from dashboard.cli.main import main

    sys.addaudithook(_note)
    signal.signal(signal.SIGUSR1, _forget_leases)
    main()
