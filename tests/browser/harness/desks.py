"""A desk for each test: decisions of its own over one workspace, on a disk as slow as the test asks."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from dashboard.decisions.store import DecisionStore
from dashboard.decisions.write_log import DecisionLog
from dashboard.server_state.open_workspace import Desk
from model_zoo.workspace.workspace import Workspace


class SlowStore(DecisionStore):
    """The store itself; each commit takes ``delay_s`` longer."""

    delay_s = 0.0

    @contextmanager
    def writing(self) -> Iterator[DecisionLog]:
        with super().writing() as log:
            yield log
            time.sleep(self.delay_s)


@cache
def desk_of(name: str, slow_s: float, busy_s: float) -> Desk:
    """The desk ``name``, its decisions in a folder of that name beside the workspace."""
    below = Path(os.environ["TAXOSCOPE_WORKSPACE"])
    desk = Desk(Workspace((below.parent / Path(name).name, below)))
    desk.store.close()
    desk.store = SlowStore(desk.workspace.decisions_path, busy_s)
    desk.store.delay_s = slow_s
    return desk
