"""`taxoscope.compare`: the result of the command on the demo, whatever holds the data, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import taxoscope as ts
from dashboard.address.selection import Labels, Space
from dashboard.evaluation.comparison import compare, named_subjects
from dashboard.evaluation.verdict import judgements, question_of
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import Workspace

FINE = ["car", "cat", "dog"]
MERGED = {"animal": ["cat", "dog"], "car": ["car"]}
N = 120


def softmax(rng, truth, classes, skill):
    logits = rng.normal(size=(len(truth), len(classes)))
    logits[np.arange(len(truth)), [classes.index(one) for one in truth]] += skill
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    truth = rng.choice(FINE, N)
    coarse = np.where(truth == "car", "car", "animal")
    fine = [softmax(rng, truth.tolist(), FINE, 1.5) for _ in range(3)]
    merged = [softmax(rng, coarse.tolist(), ["animal", "car"], 2) for _ in range(3)]
    return truth, fine, merged, np.array([f"p{k // 2}" for k in range(N)])


def compared(data, **more):
    truth, fine, merged, groups = data
    given = {"taxonomies": {"merged": MERGED}, "groups": groups} | more
    return ts.compare(truth, {"fine": fine, "merged": merged}, **given)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return Workspace.demo(tmp_path_factory.mktemp("demo"))


@pytest.mark.parametrize("names", [("fine", "consolidated"), ("fine", "merged_na")])
def test_the_result_is_that_of_the_command_on_the_demo(demo, names):
    dataset, finest = demo.dataset(), demo.taxonomy("fine")
    subjects = named_subjects(demo.series(), names)
    judged = compare(subjects, Space.COMMON, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)
    (expected,) = judgements(judged, demo.rule)
    verdict = expected.verdicts[question_of(expected), demo.rule.figure]

    predictions = {name: [run.predictions(Split.TEST) for run in one.runs] for name, one in zip(names, subjects)}
    first = predictions[names[0]][0]
    places = finest.place_all([dataset.labels[image_id] for image_id in first.image_ids])
    assert (places >= 0).all()
    coarse = demo.taxonomy(names[1])
    classes = {
        name: [one for one, inside in finest.classes.items() if inside <= leaves]
        for name, leaves in coarse.classes.items()
    }
    result = ts.compare(
        [finest.names[place] for place in places],
        {
            name: [pd.DataFrame(one.probabilities, columns=one.classes) for one in runs]
            for name, runs in predictions.items()
        },
        taxonomies={names[1]: classes},
        groups=[dataset.patients[image_id] for image_id in first.image_ids],
        sample_ids=first.image_ids,
        margin=demo.rule.margin,
    )  # fmt: skip
    assert result.verdict == verdict.outcome
    assert result.ci == pytest.approx((verdict.difference.low, verdict.difference.high), abs=1e-12)
    assert result.difference == pytest.approx(verdict.difference.value, abs=1e-12)
    assert result.question is Question.TRAINING


def test_the_table_is_counted_by_hand(data):
    truth, fine, merged, _ = data
    coarse = np.where(truth == "car", "car", "animal")
    of_fine = [np.where(one.argmax(axis=1) == 0, "car", "animal") for one in fine]
    of_merged = [np.array(["animal", "car"])[one.argmax(axis=1)] for one in merged]
    table = compared(data).table()
    assert table.loc["fine", "accuracy"] == pytest.approx(np.mean([one == coarse for one in of_fine]))
    assert table.loc["merged", "accuracy"] == pytest.approx(np.mean([one == coarse for one in of_merged]))
    assert table.loc["merged", "difference"] == pytest.approx(table.loc["merged", "value"] - table.loc["fine", "value"])
    assert (table["n_images"] == N).all()
    assert (table["n_groups"] == N // 2).all()
    assert (table["n_seeds"] == 3).all()
    assert compared(data).classes == ("animal", "car")


def tensors(array):
    torch = pytest.importorskip("torch")
    return torch.tensor(array)


KINDS = {
    "lists": lambda one: one.tolist(),
    "pandas": lambda one: pd.Series(one) if one.ndim == 1 else pd.DataFrame(one),
    "arrow": lambda one: pa.array(one) if one.ndim == 1 else pa.table({str(k): c for k, c in enumerate(one.T)}),
    "categories": lambda one: pd.Series(one, dtype="category") if one.ndim == 1 else one,
    "torch": lambda one: one if one.dtype.kind == "U" else tensors(one),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_holds_the_data_the_result_is_the_same(data, kind):
    truth, fine, merged, groups = data
    of = KINDS[kind]
    result = ts.compare(
        of(truth), {"fine": [of(one) for one in fine], "merged": tuple(of(one) for one in merged)},
        taxonomies={"merged": MERGED}, groups=of(groups),
    )  # fmt: skip
    assert result.ci == compared(data).ci


def test_one_array_holds_all_seeds_too(data):
    truth, fine, merged, groups = data
    stacked = ts.compare(
        truth, {"fine": np.stack(fine), "merged": np.stack(merged)}, taxonomies={"merged": MERGED}, groups=groups
    )
    assert stacked.ci == compared(data).ci


def test_labels_give_what_their_probabilities_give(data):
    truth, fine, merged, groups = data
    names = {"fine": np.array(FINE), "merged": np.array(["animal", "car"])}
    labels = {
        name: [names[name][one.argmax(axis=1)].tolist() for one in runs]
        for name, runs in (("fine", fine), ("merged", merged))
    }
    assert ts.compare(truth, labels, taxonomies={"merged": MERGED}, groups=groups).ci == compared(data).ci


def test_integers_are_classes_where_y_true_has_them_and_indices_where_their_order_is_given(data):
    truth, fine, _, groups = data
    numbers = np.array([FINE.index(one) for one in truth])
    both = {"a": fine[0].argmax(axis=1), "b": fine[1].argmax(axis=1)}
    by_number = ts.compare(numbers, both, groups=groups)
    by_index = ts.compare(truth, both, groups=groups, classes=FINE)
    by_name = ts.compare(truth, {name: np.array(FINE)[one] for name, one in both.items()}, groups=groups)
    assert by_number.ci == by_index.ci == by_name.ci
    assert "class indices from 0" in " ".join(by_index.notes)


def test_columns_by_name_may_stand_in_any_order(data):
    truth, fine, merged, groups = data
    turned = [pd.DataFrame(one[:, ::-1], columns=FINE[::-1]) for one in fine]
    result = ts.compare(truth, {"fine": turned, "merged": merged}, taxonomies={"merged": MERGED}, groups=groups)
    assert result.ci == compared(data).ci
    assert not any("'fine'" in note for note in result.notes)
    ordered = ts.compare(
        truth, {"fine": [one[:, ::-1] for one in fine], "merged": merged},
        taxonomies={"merged": MERGED}, groups=groups, classes={"fine": FINE[::-1]},
    )  # fmt: skip
    assert ordered.ci == result.ci


def test_classes_that_a_taxonomy_does_not_mention_stay_as_they_are(data):
    truth, fine, merged, groups = data
    tables = [pd.DataFrame(one, columns=["animal", "car"]) for one in merged]
    partly = {"merged": {"animal": ["cat", "dog"]}}
    assert ts.compare(truth, {"fine": fine, "merged": tables}, taxonomies=partly, groups=groups).ci == compared(data).ci
    with pytest.raises(ts.TaxoScopeError, match="leaves the order of its classes open"):
        ts.compare(truth, {"fine": fine, "merged": merged}, taxonomies=partly, groups=groups)


def test_a_label_above_its_classes_is_undecided_and_incorrect():
    truth = ["cat", "dog", "car", "car"] * 30
    models = {"open": ["animal", "dog", "car", "cat"] * 30, "sure": truth}
    table = ts.compare(truth, models, taxonomies={"kinds": MERGED}).table()
    assert table["accuracy"].tolist() == [1 / 2, 1]
    assert table["undecided"].tolist() == [1 / 4, 0]
    assert table["accuracy_decided"].tolist() == [2 / 3, 1]
    # nodes: cat and dog have two each (animal, own), car one; shared of predicted 1 + 2 + 1 + 0 of 1 + 2 + 1 + 2
    assert table.loc["open", "hierarchical_precision"] == pytest.approx(4 / 6)
    assert table.loc["open", "hierarchical_recall"] == pytest.approx(4 / 6)
    coarse = models | {"merged": ["animal", "animal", "car", "car"] * 30}
    on_merged = ts.compare(truth, coarse, taxonomies={"merged": MERGED}).table()
    assert on_merged["undecided"].tolist() == [0, 0, 0]
    assert on_merged["accuracy"].tolist() == [3 / 4, 1, 1]
    with pytest.raises(ts.TaxoScopeError, match="predicts 'animal', which is no class here"):
        ts.compare(truth, models)


def test_without_groups_it_says_that_images_are_taken_as_independent(data):
    alone = compared(data, groups=None)
    assert "each image is taken as independent" in " ".join(alone.notes)
    assert "each image is taken as independent" in repr(alone)
    assert alone.table()["n_groups"].eq(N).all()
    assert not any("independent" in note for note in compared(data).notes)


def test_three_models_are_compared_with_the_first_and_asked_one_by_one(data):
    truth, fine, merged, groups = data
    result = ts.compare(
        truth, {"fine": fine, "merged": merged, "again": fine}, taxonomies={"merged": MERGED}, groups=groups
    )
    assert result["merged"].ci == compared(data).ci
    assert result["again"].difference == 0
    assert result.table()["verdict"].tolist()[0] == "baseline"
    with pytest.raises(ts.TaxoScopeError, match=r"ask for one: result\['merged'\]"):
        _ = result.verdict
    with pytest.raises(ts.TaxoScopeError, match="No model 'other'"):
        result["other"]


def test_metrics_are_plain_numbers_with_their_intervals(data):
    result = compared(data)
    found = result.metrics()
    assert all(type(one) is float for one in found.values())
    name = "merged_vs_fine/accuracy_difference"
    assert (found[f"{name}_low"], found[f"{name}_high"]) == result.ci
    assert found[name] == result.difference
    assert found["fine/accuracy_low"] < found["fine/accuracy"] < found["fine/accuracy_high"]
    json.dumps(found, allow_nan=False)


def test_the_metric_that_decides_is_chosen(data):
    table = compared(data, metric="balanced accuracy").table()
    assert (table["metric"] == Headline.BALANCED_ACCURACY).all()
    assert table.loc["merged", "value"] != table.loc["merged", "accuracy"]


def test_the_report_is_the_products_own(data, tmp_path):
    result = compared(data)
    files = result.report(tmp_path / "out.html")
    assert [path.name for path in files] == ["out.html", "out.csv", "out.json"]
    (of_training,) = [
        one for one in json.loads(files[2].read_text())["verdicts"] if one["deciding"] and one["question"] == "training"
    ]
    assert of_training["outcome"] == result.verdict
    assert of_training["difference"] == pytest.approx([result.difference, *result.ci])
    html = files[0].read_text()
    assert "merged" in html
    assert "is no file at" not in html  # no image was given
    with pytest.raises(ts.TaxoScopeError, match=r"ending in \.html"):
        result.report(tmp_path / "out.pdf")


def test_a_notebook_shows_a_table(data):
    html = compared(data)._repr_html_()
    assert "<table" in html
    assert "is taken" not in html
    assert "pp" in html


SHORT = ["cat", "dog", "car"]
REFUSED = [
    ({"y_true": [], "y_pred": {"a": [], "b": []}}, "y_true is empty"),
    ({"y_true": ["cat", None, "car"], "y_pred": {"a": SHORT, "b": SHORT}}, "y_true has no value in row 1"),
    ({"y_true": [1.0, float("nan")], "y_pred": {"a": [1, 1], "b": [1, 1]}}, "no value in row 1"),
    ({"y_true": SHORT, "y_pred": {"a": SHORT}}, "one model; give at least two"),
    ({"y_true": SHORT, "y_pred": [SHORT, SHORT]}, "y_pred is a list; expected a dict"),
    ({"y_true": "cat", "y_pred": {"a": SHORT, "b": SHORT}}, "y_true is a str"),
    ({"y_true": SHORT, "y_pred": {"a": SHORT, "b": SHORT[:2]}}, "has 2 predictions, y_true has 3 labels"),
    ({"y_true": SHORT, "y_pred": {"a": SHORT, "b": np.eye(3)[:, :2]}}, "has 2 columns, its class set has 3 classes"),
    ({"y_true": SHORT, "y_pred": {"a": SHORT, "b": 2 * np.eye(3)}}, "row 1 sums to 2"),
    ({"y_true": SHORT, "y_pred": {"a": SHORT, "b": np.full((3, 3), np.nan)}}, "row 1 sums to nan"),
    ({"y_true": SHORT, "y_pred": {"a": SHORT, "b": np.ones((3, 3, 3, 3))}}, "has shape"),
    ({"y_true": SHORT, "y_pred": {"a": SHORT, "b": SHORT}, "groups": [1]}, "groups has 1 values, y_true has 3"),
    (
        {
            "y_true": SHORT,
            "y_pred": {"a": SHORT, "b": SHORT},
            "taxonomies": {"b": {"x": ["cat", "dog"], "y": ["cat", "car"]}},
        },
        "each leaf belongs to one class",
    ),
    (
        {"y_true": SHORT, "y_pred": {"a": SHORT, "b": pd.DataFrame(np.eye(3), columns=["x", "y", "z"])}},
        r"has no class 'cat', which y_true has; say which classes its own hold with taxonomies=",
    ),
    ({"y_true": SHORT, "y_pred": {"a": SHORT, "b": SHORT}, "metric": "f1"}, "metric='f1' cannot decide"),
    ({"y_true": SHORT, "y_pred": {"a": SHORT, "b": SHORT}, "margin": 1}, "margin=1"),
    ({"y_true": SHORT, "y_pred": {"a": SHORT, "b": SHORT}, "sample_ids": [1, 1, 2]}, "sample_ids has 2 different ids"),
]


@pytest.mark.parametrize(("given", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_does_not_fit_is_one_sentence(given, why):
    with pytest.raises(ts.TaxoScopeError, match=why) as refused:
        ts.compare(**given)
    assert "\n" not in str(refused.value)


def test_importing_it_is_light():
    heavy = [
        "streamlit",
        "torch",
        "pandas",
        "pyarrow",
        "plotly",
        "sqlalchemy",
        "PIL",
        "pydantic",
        "timm",
        "sklearn",
        "dashboard",
    ]
    code = f"import sys, taxoscope; print([one for one in {heavy} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
