"""Caches of the pages: keyed by value, and none of them stale after a decision, manifest, run or taxonomy."""

import importlib
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as some

from dashboard.address.data_view import CountedBy, DataView
from dashboard.address.links import Shown
from dashboard.address.queue import Order, QueueView
from dashboard.address.selection import Labels
from dashboard.review.record_decision import decide
from dashboard.server_state.open_workspace import desk
from dashboard.ui.caching import value_of
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.matrix_layout import MatrixLayout
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.embedding_files import Embeddings, write_embeddings
from model_zoo.workspace.manifest import write_manifest

DASHBOARD = Path(__file__).resolve().parents[3] / "dashboard"
MODULES = [f"dashboard.{path.parent.name}.cached" for path in sorted(DASHBOARD.glob("*/cached.py"))]
ALL = {
    f"{module}.{name}": function
    for module in MODULES
    for name, function in vars(importlib.import_module(module)).items()
    if hasattr(function, "__wrapped__") and function.__module__ == module
}


class Side(Enum):
    LEFT = "x"
    RIGHT = "y"


@dataclass(frozen=True)
class Pair:
    one: object
    other: object


plain = some.none() | some.booleans() | some.integers() | some.text(max_size=4) | some.binary(max_size=4)
plain |= some.sampled_from(Side)
values = some.recursive(
    plain,
    lambda inner: (
        some.lists(inner, max_size=3).map(tuple)
        | some.dictionaries(some.text(max_size=3), inner, max_size=3).map(MappingProxyType)
        | some.builds(Pair, inner, inner)
    ),
    max_leaves=6,
)


def same(one, other):
    """Equality that tells True from 1 and records of different types apart."""
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, MappingProxyType):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, Pair):
        return same(one.one, other.one) and same(one.other, other.other)
    return one == other


@given(values, values)
def test_two_arguments_share_a_key_exactly_if_they_are_equal(one, other):
    assert (repr(value_of(one)) == repr(value_of(other))) == same(one, other)


def test_an_object_without_a_value_is_refused():
    with pytest.raises(TypeError, match="no value to compare"):
        value_of(Pair(1, object()))


@pytest.fixture
def opened(fresh_animals, monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_WORKSPACE", str(fresh_animals.writable))
    desk.cache_clear()
    st.cache_resource.clear()
    yield desk()
    desk.cache_clear()
    st.cache_resource.clear()


def calls(now):
    """Name of a cached function -> its arguments on this workspace."""
    taxonomy = now.workspace.taxonomies()["things"]
    series = {one.runs[0].card.taxonomy.name: one.series_id for one in now.series()}
    shown = Shown((series["things"], series["kinds"], "sizes-s0"), labels=Labels.REVIEWED)
    own = MatrixLayout(taxonomy, {name: (name,) for name in taxonomy.names})
    run = next(one for one in now.runs().values() if one.run_id == "things-s0")
    raw = b"image_id,label\ni0000,dog.large\n"
    importing = importlib.import_module("dashboard.labels.label_import")
    return {
        "dashboard.ui.cached.comparison": (shown,),
        "dashboard.ui.cached.verdicts": (Shown((series["things"], series["kinds"])),),
        "dashboard.ui.cached._reviewing": (shown,),
        "dashboard.ui.cached.restrictions": (shown,),
        "dashboard.ui.cached.patients": (Split.TEST,),
        "dashboard.compare.cached.many_models": (shown,),
        "dashboard.compare.cached._side_by_side": (shown,),
        "dashboard.compare.cached.secondary_metrics": (shown,),
        "dashboard.compare.cached.matrix_diff": (
            replace(shown, subjects=("things-s0", "things-s1")),
            own,
            Per.COUNT,
        ),
        "dashboard.diagnose.cached._diagnosis": (taxonomy, replace(shown, subjects=("things-s0",))),
        "dashboard.taxonomies.cached._previews": (taxonomy, shown),
        "dashboard.taxonomies.cached.suggested_merges": (taxonomy,),
        "dashboard.taxonomies.cached.pair_separability": (taxonomy,),
        "dashboard.taxonomies.cached._class_subclusters": (series["things"], run.run_id, "stamp"),
        "dashboard.review.cached._queue": (shown, QueueView(Order.WRONG), None),
        "dashboard.review.cached._cells": (shown, QueueView(Order.CELL), series["things"]),
        "dashboard.review.cached.agreement": (taxonomy,),
        "dashboard.labels.cached.labels_compared": ("original", "standing", taxonomy),
        "dashboard.labels.cached.import_plan": (raw, "l.csv", importing.LabelsWanted("Ann")),
        "dashboard.data.cached._counts": (DataView(CountedBy.CLASS, "things", Labels.REVIEWED), taxonomy),
        "dashboard.data.cached.file_checks": (Labels.REVIEWED, "stamp"),
        "dashboard.images.cached.embedding_layout": (run.run_id, Split.VALIDATION, "stamp"),
    }


FILES_ONLY = {
    "dashboard.ui.cached.restrictions",
    "dashboard.ui.cached.patients",
    "dashboard.taxonomies.cached._class_subclusters",
    "dashboard.images.cached.embedding_layout",
}
"""What rests on no decision: patients, images and predictions alone."""


def decision(now):
    proposal = {"client_id": "c", "seq": 0, "reviewer": "Ann", "image_id": "i0000", "answer": "relabel"}
    labels = now.dataset().labels
    outcome = decide(
        now.store, now.workspace.space, labels, [proposal | {"after": "dog.large"}], lambda: datetime.now(UTC)
    )
    assert outcome.stored


def manifest(now):
    images = now.dataset().images
    write_manifest(now.workspace.writable / "manifest.csv", images[:-1], now.workspace.space)


def run(now):
    shutil.move(now.workspace.writable / "runs" / "kinds-s1", now.workspace.writable / "gone")


def taxonomy(now):
    now.workspace.save_taxonomy(replace(now.workspace.taxonomies()["sizes"], name="new"))


def with_embeddings(now):
    run, images = now.runs()["things-s0"], now.dataset().split(Split.VALIDATION)
    vectors = np.random.default_rng(1).normal(size=(len(images), 8)).astype(np.float32)
    made = Embeddings(tuple(one.image_id for one in images), vectors)
    write_embeddings(now.workspace.writable, run, now.dataset(), Split.VALIDATION, made)


def test_every_cached_function_is_tried(opened):
    assert set(calls(opened)) == set(ALL)


@pytest.mark.parametrize("change", [decision, manifest, run, taxonomy])
def test_each_change_is_seen_by_every_cached_function(opened, change):
    with_embeddings(opened)
    asked = calls(opened)
    before = {name: ALL[name](*arguments) for name, arguments in asked.items()}
    assert all(ALL[name](*arguments) is before[name] for name, arguments in asked.items() if before[name] is not None)
    revisions = opened.revision(), opened.files_revision()
    change(opened)
    assert opened.revision() != revisions[0]
    assert (opened.files_revision() == revisions[1]) == (change is decision)
    kept = {
        name for name, arguments in asked.items() if before[name] is not None and ALL[name](*arguments) is before[name]
    }
    assert kept == (FILES_ONLY if change is decision else set())


def test_a_decision_changes_the_numbers(opened):
    shown = Shown(("things-s0",), labels=Labels.REVIEWED, split=opened.dataset().by_id["i0000"].split)
    comparison = ALL["dashboard.ui.cached.comparison"]
    before = comparison(shown).evaluations[0].truth.copy()
    decision(opened)
    assert (comparison(shown).evaluations[0].truth != before).sum() == 1
