"""Runs: written whole or not at all, read back as written, refused in one sentence when tampered with."""

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import Fit, Preprocessing
from model_zoo.workspace.run import Card, Epoch, group_into_series, read_run, write_run

TAXONOMY = Taxonomy("kinds", {"cat": frozenset({"cat.s", "cat.l"}), "car": frozenset({"car.s"})}, frozenset({"logo"}))
HISTORY = [Epoch(1, 1.25, 1.5, 0.5, 4e-3), Epoch(2, 0.1 + 0.2, float("nan"), float("nan"), 1e-9)]


def card(run_id="kinds-s0", taxonomy=TAXONOMY, **changes):
    one = Card(
        run_id=run_id,
        architecture="test_resnet",
        taxonomy=taxonomy,
        preprocessing=Preprocessing(1, (64, 32), Fit.PAD, pool=2, mean=(0.1,), std=(0.3,)),
        data_hash={"train": "abc", "test": "def"},
        recipe={"epochs": 2, "version": 1},
        seed=0,
        epochs_chosen="fixed in the recipe",
        n_train_images=10,
        n_parameters=1000,
        duration_s=1.5,
        created="2026-01-01T00:00:00+00:00",
        versions={"torch": "2"},
        processor="none",
    )
    return replace(one, **changes)


def predictions(classes=TAXONOMY.names, n_images=5, seed=0):
    rows = np.random.default_rng(seed).dirichlet(np.ones(len(classes)), n_images).astype(np.float32)
    return Predictions(tuple(f"i{k}" for k in range(n_images)), tuple(classes), rows)


def left_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_what_is_written_is_read_back(tmp_path):
    said = predictions()
    written = write_run(card(weights_sha256="x"), tmp_path, b"weights", HISTORY, {Split.TEST: said})
    run = read_run(tmp_path / "kinds-s0")
    assert run == written
    assert run.card.taxonomy.version == 1
    assert (run.run_id, run.card.classes) == ("kinds-s0", ("cat", "car"))
    assert run.weights_path.read_bytes() == b"weights"
    assert repr(run.history()) == repr(tuple(HISTORY))  # to the last digit, NaN included
    again = run.predictions(Split.TEST)
    assert (again.image_ids, again.classes) == (said.image_ids, said.classes)
    assert np.array_equal(again.probabilities, said.probabilities)
    assert (run.has_predictions(Split.TEST), run.has_predictions(Split.VALIDATION)) == (True, False)
    with pytest.raises(RunError, match="Run 'kinds-s0' has no predictions over validation; predict that split first"):
        run.predictions(Split.VALIDATION)


def test_a_run_without_weights_and_history_is_a_run(tmp_path):
    run = write_run(card(), tmp_path, b"", [], {})
    assert run.weights_path is None
    assert read_run(run.folder).history() == ()


@settings(max_examples=40)
@given(
    names=st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1), min_size=1, max_size=4, unique=True)
)
def test_class_names_may_be_anything(tmp_path_factory, names):
    classes = {name: frozenset({f"leaf{k}"}) for k, name in enumerate(names)}
    parent = tmp_path_factory.mktemp("odd")
    said = predictions(names)
    run = write_run(card(taxonomy=Taxonomy("odd", classes)), parent, b"", [], {Split.TEST: said})
    again = read_run(run.folder)
    assert again.card.classes == tuple(names)
    assert np.array_equal(again.predictions(Split.TEST).probabilities, said.probabilities)


def test_a_class_called_like_a_column_is_no_column(tmp_path):
    taxonomy = Taxonomy("odd", {"image_id": frozenset("a"), "p:image_id": frozenset("b"), "p:": frozenset("c")})
    said = predictions(taxonomy.names)
    run = write_run(card(taxonomy=taxonomy), tmp_path, b"", [], {Split.TEST: said})
    assert np.array_equal(run.predictions(Split.TEST).probabilities, said.probabilities)


class Failing(Mapping):
    """Predictions whose second split is never ready."""

    def __init__(self, error):
        self.error = error

    def __getitem__(self, split):
        if split is Split.TEST:
            raise self.error
        return predictions()

    def __iter__(self):
        return iter([Split.VALIDATION, Split.TEST])

    def __len__(self):
        return 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full"), SystemExit()])
def test_an_interrupted_write_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error)):
        write_run(card(), tmp_path, b"weights", HISTORY, Failing(error))
    assert left_in(tmp_path) == []


def test_what_a_killed_write_left_behind_does_not_stand_in_the_way(tmp_path):
    (tmp_path / ".kinds-s0.partial").mkdir()
    (tmp_path / ".kinds-s0.partial" / "rubbish").write_text("half")
    run = write_run(card(), tmp_path, b"w", HISTORY, {})
    assert left_in(run.folder) == ["card.json", "history.csv", "model.safetensors"]
    assert left_in(tmp_path)[0] == "kinds-s0"


def test_a_run_that_is_there_is_never_overwritten(tmp_path):
    write_run(card(), tmp_path, b"first", [], {})
    with pytest.raises(RunError, match="Run 'kinds-s0' is already there"):
        write_run(card(), tmp_path, b"second", [], {})
    assert (tmp_path / "kinds-s0" / "model.safetensors").read_bytes() == b"first"


def tamper(tmp_path, change):
    run = write_run(card(), tmp_path, b"w", HISTORY, {Split.TEST: predictions()})
    values = json.loads((run.folder / "card.json").read_text())
    change(values)
    (run.folder / "card.json").write_text(json.dumps(values))
    return run.folder


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c.update(format=2), "has format 2, expected 1"),
        (lambda c: c.update(run_id="other"), "names run 'other'; rename the folder"),
        (lambda c: c.pop("taxonomy"), "lacks or garbles 'taxonomy'"),
        (lambda c: c.pop("seed"), "lacks or garbles 'seed'"),
        (lambda c: c["taxonomy"]["classes"].pop("cat"), "hash does not fit its classes"),
        (lambda c: c["taxonomy"].update(classes=dict(reversed(c["taxonomy"]["classes"].items()))), "hash does not fit"),
        (lambda c: c["taxonomy"]["classes"].update(car=["cat.s"]), "puts leaf 'cat.s' in both"),
        (lambda c: c["taxonomy"].update(classes=["cat"]), "lacks or garbles"),
        (lambda c: c["preprocessing"].update(std=[0]), "Standard deviations must be positive"),
        (lambda c: c["preprocessing"].update(std=[1e-99]), "1e-06 at least; got"),
        (lambda c: c["preprocessing"].pop("pool"), "preprocessing is not readable"),
        (lambda c: c.update(preprocessing=None), "preprocessing is not readable"),
        (lambda c: c.update(recipe=5), r"lacks or garbles 'recipe' \(5\)"),
        (lambda c: c.update(seed="0"), "lacks or garbles 'seed'"),
        (lambda c: c.update(duration_s=None), "lacks or garbles 'duration_s'"),
        (lambda c: c.update(data_hash=["x"]), "lacks or garbles 'data_hash'"),
        (lambda c: c["taxonomy"].update(name=["kinds"]), r"lacks or garbles the taxonomy's name \(\['kinds'\]\)"),
        (lambda c: c.update(duration_s=float("nan")), "Cannot read the run card"),
        (lambda c: c["preprocessing"].update(size=[float("inf"), 64]), "Cannot read the run card"),
        (lambda c: c["preprocessing"].update(mean=[float("nan")]), "Cannot read the run card"),
        (lambda c: c["taxonomy"].update(version=float("inf")), "Cannot read the run card"),
        (lambda c: c["recipe"].update({"\ud800": 1}), "Cannot read the run card"),
    ],
)
def test_a_tampered_card_is_refused_in_one_sentence(tmp_path, change, sentence):
    with pytest.raises(RunError, match=sentence) as caught:
        read_run(tamper(tmp_path, change))
    assert "card.json" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"card"', "\xff", '{"seed": 1e999}', "[" * 100_000, "9" * 5000]
)
def test_a_card_that_is_no_card(tmp_path, text):
    folder = tamper(tmp_path, lambda c: None)
    (folder / "card.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError, match="card"):
        read_run(folder)
    (folder / "card.json").unlink()
    with pytest.raises(RunError, match="Cannot read the run card"):
        read_run(folder)


@pytest.mark.parametrize(
    "table",
    [
        b"no parquet at all",
        b"",
        pa.table({"image_id": ["i0"], "p:cat": [1.0]}),  # a class is missing
        pa.table({"p:cat": [1.0], "p:car": [0.0]}),  # nobody knows whose
        pa.table({"image_id": ["i0"], "p:cat": ["a lot"], "p:car": ["little"]}),
        pa.table({"image_id": ["i0"], "p:cat": [0.5], "p:car": [None]}),
        pa.table({"image_id": ["i0"], "p:cat": [0.9], "p:car": [0.9]}),
        pa.table({"image_id": ["i0", "i0"], "p:cat": [1.0, 1.0], "p:car": [0.0, 0.0]}),
    ],
)
def test_predictions_that_do_not_fit_the_card_are_refused_with_file_and_run(tmp_path, table):
    run = read_run(tamper(tmp_path, lambda c: None))
    path = run.folder / "predictions_test.parquet"
    if isinstance(table, bytes):
        path.write_bytes(table)
    else:
        pq.write_table(table, path)
    with pytest.raises(RunError, match=r"predictions_test\.parquet do not fit the card of run 'kinds-s0'"):
        run.predictions(Split.TEST)


def test_columns_are_found_by_name_whatever_their_order(tmp_path):
    run = read_run(tamper(tmp_path, lambda c: None))
    path = run.folder / "predictions_test.parquet"
    before = run.predictions(Split.TEST).probabilities
    pq.write_table(pq.read_table(path).select(["p:car", "image_id", "p:cat"]), path)
    assert np.array_equal(run.predictions(Split.TEST).probabilities, before)


@pytest.mark.parametrize("run_id", ["kinds-s0", "Kinds v2.1_x", "für-alle-s0", "2-s0", "_x", "é" * 100])
def test_a_plain_name_names_a_run(tmp_path, run_id):
    write_run(card(run_id), tmp_path, b"", [], {})
    assert read_run(tmp_path / run_id).run_id == run_id


@pytest.mark.parametrize(
    "run_id",
    [
        *(
            "team/kinds-s0",
            "../kinds-s0",
            "/tmp/x",
            "a\\b",
            "",
            ".",
            "..",
            ".hidden",
            "-x",
            " x",
            "a\nb",
            "a\0b",
            "a?b",
        ),
        *("é" * 101, "x" * 201, "\ud800"),
    ],
)
def test_a_name_that_is_no_plain_file_name_is_refused_before_anything_is_written(tmp_path, run_id):
    parent = tmp_path / "a" / "runs"
    (parent / "..kinds-s0.partial").mkdir(parents=True)
    before = left_in(tmp_path)
    with pytest.raises(RunError, match="cannot stand in a path; use letters, digits, space"):
        write_run(card(run_id), parent, b"w", HISTORY, {})
    assert left_in(tmp_path) == before


def test_a_run_folder_with_another_name_is_refused(tmp_path):
    folder = write_run(card(), tmp_path, b"", [], {}).folder.rename(tmp_path / "kinds?s0")
    (folder / "card.json").write_text(json.dumps(card("kinds?s0").to_json()))
    with pytest.raises(RunError, match=r"Run name 'kinds\?s0' cannot stand in a path"):
        read_run(folder)


def test_a_garbled_history_is_refused(tmp_path):
    run = read_run(tamper(tmp_path, lambda c: None))
    (run.folder / "history.csv").write_text("epoch,train_loss\n1,x\n")
    with pytest.raises(RunError, match=r"history\.csv cannot be read"):
        run.history()


def test_a_series_is_what_differs_in_the_seed_alone(tmp_path):
    cards = [
        card("a", seed=2, duration_s=9.0, created="later", processor="other", versions={}),
        card("b", seed=0, weights_sha256="y"),
        card("c", seed=1, recipe={"epochs": 3, "version": 1}),
        card("d", seed=1, data_hash={"train": "other"}),
        card("e", seed=1, taxonomy=Taxonomy("kinds", dict(reversed(TAXONOMY.classes.items())), TAXONOMY.outside)),
        card("f", seed=1, architecture="resnet18"),
        card("g", seed=1),
    ]
    runs = [write_run(one, tmp_path, b"", [], {}) for one in cards]
    series = group_into_series([read_run(run.folder) for run in runs])
    assert [[run.run_id for run in one.runs] for one in series] == [["b", "g", "a"], ["c"], ["d"], ["e"], ["f"]]
    assert series[0].seeds == (0, 1, 2)
    assert series[0].series_id == f"kinds-{runs[0].card.series_key}"
