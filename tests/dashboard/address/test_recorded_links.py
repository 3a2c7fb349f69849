"""Links that people have kept still open what they opened, and are written as they were."""

import json
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import pytest

from dashboard.address import links, queue
from dashboard.address.data_view import CountedBy, DataView, read_data_view
from dashboard.address.links import Shown

RECORDED = json.loads((Path(__file__).parent / "recorded_links.json").read_text(encoding="utf-8"))
READERS = {
    "shown": lambda query: links.read_shown(query, Shown()),
    "cell": links.read_cell,
    "matrices": links.read_matrix_view,
    "labels": links.read_labels_view,
    "occlusion": links.read_occluded,
    "queue": queue.read_queue_view,
    "reviewed": lambda query: queue.read_reviewed(query, Shown()),
    "data": lambda query: read_data_view(query, DataView(CountedBy.LABEL)),
}


def values(record):
    """A record as plain values: what it holds counts, not what its fields and enums are called."""
    if record is None:
        return None
    return json.loads(
        json.dumps(
            list(asdict(record).values()),
            default=lambda one: one.value if isinstance(one, Enum) else list(asdict(one).values()),
        )
    )


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda one: f"{one['reader']}-{one['url'][:40]}")
def test_a_recorded_link_opens_and_is_written_as_it_was(recorded):
    read = READERS[recorded["reader"]](parse_qs(recorded["url"], keep_blank_values=True))
    assert values(read) == recorded["values"]
    if recorded["written"] is not None:
        assert urlencode(read.query(), doseq=True) == recorded["written"]
