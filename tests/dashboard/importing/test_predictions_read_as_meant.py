"""`taxoscope import-predictions`: names or indices, which column, ties; accuracies are counted by hand."""

import json
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from typer.testing import CliRunner

from dashboard.cli.models import commands
from model_zoo.core.errors import ClassValuesError, TaxoScopeError
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.class_values import ClassValues, read_classes, readings
from model_zoo.workspace.run import read_run
from tests.named_workspace import named_workspace

NUMBERED = [str(k) for k in range(12)]
SORTED = sorted(NUMBERED)  # as ImageFolder and this import sort folders: 0, 1, 10, 11, 2, ...


@pytest.fixture
def make(tmp_path):
    def made(classes, labels):
        return named_workspace(tmp_path / "w", classes, labels)

    return made


def typed(workspace, path, name, *more):
    known = ["--name", name, "--taxonomy", "classes", "--workspace", str(workspace.writable)]
    return CliRunner().invoke(commands, ["import-predictions", str(path), *known, *more])


def said(done):
    return " ".join((done.output or "").split()) + " " + " ".join(str(done.exception or "").split())


def accuracy(workspace, name):
    """The share of right predictions, from the stored rows and the manifest alone."""
    stored, labels = read_run(workspace.writable / "runs" / name).predictions(Split.TEST), workspace.dataset().labels
    hits = [
        labels[one] == {stored.classes[k]}
        for one, k in zip(stored.image_ids, stored.probabilities.argmax(axis=1), strict=True)
    ]
    return sum(hits) / len(hits)


def ids(n):
    return [f"a{k}" for k in range(n)]


def written(tmp_path, columns, kind="csv"):
    path, table = tmp_path / f"said.{kind}", pd.DataFrame(columns)
    {
        "csv": lambda: table.to_csv(path, index=False),
        "parquet": lambda: table.to_parquet(path),
        "jsonl": lambda: table.to_json(path, orient="records", lines=True),
        "npz": lambda: np.savez(path, **{name: np.array(values) for name, values in columns.items()}),
    }[kind]()
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl", "npz"])
def test_classes_named_1_2_3_and_indices_from_0(make, tmp_path, kind):
    workspace = make(["1", "2", "3"], ["1", "2", "3"])
    done = typed(workspace, written(tmp_path, {"image_id": ids(3), "predicted": [0, 1, 2]}, kind), "m")
    assert done.exit_code == 0, said(done)
    assert accuracy(workspace, "m") == 1
    assert "read as class indices from 0, in the order 1, 2, 3" in said(done)


def test_a_column_of_floats_as_pandas_writes_it_is_read_by_index(make, tmp_path):
    workspace = make(["1", "2", "3"], ["1", "2", "3"])
    assert typed(workspace, written(tmp_path, {"image_id": ids(3), "pred": [0.0, 1.0, 2.0]}), "m").exit_code == 0
    assert accuracy(workspace, "m") == 1


def test_both_readings_fit_and_differ_so_it_asks(make, tmp_path):
    truth = NUMBERED * 3  # predictions are right, written as text-sorted indices
    workspace = make(SORTED, truth)
    path = written(tmp_path, {"image_id": ids(36), "predicted": [SORTED.index(one) for one in truth]})
    asked = typed(workspace, path, "m")
    assert isinstance(asked.exception, TaxoScopeError)
    options = re.findall(r"(--prediction-values) (names|indices)\b(?!-)", said(asked))
    assert {value for _, value in options} == {"names", "indices"}
    found = {value: typed(workspace, path, f"m-{value}", option, value) for option, value in options}
    assert [one.exit_code for one in found.values()] == [0, 0]
    assert accuracy(workspace, "m-indices") == 1
    # by name: of index k of SORTED the name k is right where SORTED[k] == str(k): 0 and 1
    assert accuracy(workspace, "m-names") == 2 / 12


def remedy(done):
    """The options that a warning suggests, as a shell would take them apart."""
    return shlex.split(re.search(r"import again with (.*?)\. ", said(done) + " ")[1])


@pytest.mark.parametrize("order", [NUMBERED, SORTED])
def test_the_suggested_order_works_for_numbered_folders(make, tmp_path, order):
    truth = NUMBERED * 5
    workspace = make(order, truth)
    path = written(tmp_path, {"image_id": ids(60), "predicted": [SORTED.index(one) for one in truth]})
    wrong = typed(workspace, path, "wrong", "--prediction-values", "names")
    assert accuracy(workspace, "wrong") == 2 / 12
    again = remedy(wrong)
    assert "--classes" in again
    assert typed(workspace, path, "right", *again).exit_code == 0
    assert accuracy(workspace, "right") == 1


@pytest.mark.parametrize(
    ("classes", "shift", "values"), [(["b", "a, x", 'c "d"'], 0, "indices"), (["b", "a", "c"], 1, "indices-from-1")]
)
def test_the_suggested_order_works_whatever_classes_are_called(make, tmp_path, classes, shift, values):
    truth, trained = classes * 20, sorted(classes)
    workspace = make(classes, truth)
    path = written(tmp_path, {"image_id": ids(60), "predicted": [trained.index(one) + shift for one in truth]})
    wrong = typed(workspace, path, "wrong")
    assert accuracy(workspace, "wrong") < 0.5
    again = remedy(wrong)
    assert again[2:] == ["--prediction-values", values]
    assert typed(workspace, path, "right", *again).exit_code == 0
    assert accuracy(workspace, "right") == 1


def test_the_suggested_order_works_for_columns_without_names(make, tmp_path):
    classes = ["b", "a", "c"]
    truth, trained = classes * 20, sorted(classes)
    workspace = make(classes, truth)
    np.save(tmp_path / "p.npy", np.eye(3)[[trained.index(one) for one in truth]] * 0.8 + 0.2 / 3)
    wrong = typed(workspace, tmp_path / "p.npy", "wrong", "--split", "test")
    assert accuracy(workspace, "wrong") == 1 / 3  # c alone
    assert typed(workspace, tmp_path / "p.npy", "right", "--split", "test", *remedy(wrong)).exit_code == 0
    assert accuracy(workspace, "right") == 1


def test_names_that_are_exchanged_are_corrected_in_the_file(make, tmp_path):
    classes = ["cat", "dog", "fox"]
    other = {"cat": "dog", "dog": "fox", "fox": "cat"}
    workspace = make(classes, classes * 20)
    path = written(tmp_path, {"image_id": ids(60), "predicted": [other[one] for one in classes * 20]})
    done = typed(workspace, path, "wrong")
    assert "correct them there and import again" in said(done)
    assert "--classes" not in said(done)
    back = {name: right for right, name in other.items()}
    path = written(tmp_path, {"image_id": ids(60), "predicted": [back[other[one]] for one in classes * 20]})
    assert typed(workspace, path, "right").exit_code == 0
    assert accuracy(workspace, "right") == 1


def test_zero_based_or_one_based_is_asked_where_both_fit(make, tmp_path):
    workspace = make(["ant", "bee", "cow", "dog"], ["bee", "cow"])
    path = written(tmp_path, {"image_id": ids(2), "predicted": [1, 2]})
    assert "class indices from 0 (--prediction-values indices) or class indices from 1" in said(
        typed(workspace, path, "m")
    )
    for value, share in (("indices", 1), ("indices-from-1", 0)):
        assert typed(workspace, path, value, "--prediction-values", value).exit_code == 0
        assert accuracy(workspace, value) == share


@pytest.mark.parametrize(
    ("predicted", "told"),
    [
        (["cat", "1", "dog"], "some values are class names ('cat', 'dog') and others are not ('1')"),
        (["cat", "", "dog"], "a value is empty; leave out the rows that have no prediction"),
        (["cat", "cow", "dog"], "'cow', which is no class here"),
        (["0", "1", "7"], "'7', which is no class here"),
    ],
)
def test_a_mixed_file_is_refused_and_what_is_named_is_what_is_wrong(make, tmp_path, predicted, told):
    workspace = make(["cat", "dog"], ["cat", "dog", "dog"])
    path = written(tmp_path, {"image_id": ids(3), "predicted": predicted})
    assert told in said(typed(workspace, path, "m"))


def test_rows_without_a_prediction_are_left_out_as_told(make, tmp_path):
    workspace = make(["cat", "dog"], ["cat", "dog", "dog"])
    path = written(tmp_path, {"image_id": ids(2), "predicted": ["cat", "dog"]})
    assert "2 of 3 test images have an answer" in said(typed(workspace, path, "m"))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["0", "1", "2"], "class indices from 0"),
        (["prob_1", "prob_2", "prob_3"], "class indices from 1"),
        (["ant_score", "bee_score", "cow_score"], "class names"),
    ],
)
def test_columns_of_probabilities_are_named_or_numbered(make, tmp_path, names, told):
    workspace = make(["ant", "bee", "cow"], ["ant", "bee", "cow"])
    path = written(tmp_path, {"image_id": ids(3)} | dict(zip(names, (np.eye(3) * 0.7 + 0.1).tolist())))
    assert told in said(typed(workspace, path, "m"))
    assert accuracy(workspace, "m") == 1


def test_numbered_columns_are_asked_about_where_names_fit_too(make, tmp_path):
    workspace = make(SORTED, NUMBERED)
    right = np.eye(12)[[SORTED.index(one) for one in NUMBERED]] * 0.5 + 0.5 / 12
    path = written(tmp_path, {"image_id": ids(12)} | dict(zip(NUMBERED, right.T)))
    assert isinstance(typed(workspace, path, "m").exception, TaxoScopeError)
    assert typed(workspace, path, "m", "--prediction-values", "indices").exit_code == 0
    assert accuracy(workspace, "m") == 1


TRUTH, PREDICTED = ["cat", "dog", "dog", "cat"], ["cat", "cat", "cat", "dog"]  # 1 of 4 right


@pytest.mark.parametrize("name", ["y_hat", "top1", "model_output", "y_pred", "Predicted class", "modelAnswer", "pred"])
@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl", "npz"])
def test_the_truth_is_never_taken_for_the_prediction(make, tmp_path, name, kind):
    workspace = make(["cat", "dog"], TRUTH)
    path = written(tmp_path, {"image_id": ids(4), "label": TRUTH, name: PREDICTED}, kind)
    done = typed(workspace, path, "m")
    assert done.exit_code == 0, said(done)
    assert accuracy(workspace, "m") == 0.25
    assert f"Predictions: column '{name}', by its name" in said(done)


@pytest.mark.parametrize("name", ["resnet50", "second", "from_network"])
def test_another_column_of_classes_is_asked_about(make, tmp_path, name):
    workspace = make(["cat", "dog"], TRUTH)
    path = written(tmp_path, {"image_id": ids(4), "label": TRUTH, name: PREDICTED})
    asked = said(typed(workspace, path, "m"))
    options = re.findall(r"--prediction-column (\S+?)\.?(?= |$)", asked)
    assert set(options) == {"label", name}
    for one, share in (("label", 1), (name, 0.25)):
        assert typed(workspace, path, one, "--prediction-column", one).exit_code == 0
        assert accuracy(workspace, one) == share


def test_two_columns_of_predictions_that_differ_are_asked_about_and_equal_ones_are_not(make, tmp_path):
    workspace = make(["cat", "dog"], TRUTH)
    path = written(tmp_path, {"image_id": ids(4), "pred": PREDICTED, "y_hat": TRUTH})
    assert "can both be the predictions, and they differ" in said(typed(workspace, path, "m"))
    both = {"image_id": ids(4), "pred_label": PREDICTED, "pred": [["cat", "dog"].index(one) for one in PREDICTED]}
    assert typed(workspace, written(tmp_path, both), "m").exit_code == 0
    assert accuracy(workspace, "m") == 0.25


def test_one_hot_truth_is_not_taken_for_probabilities(make, tmp_path):
    workspace = make(["cat", "dog"], TRUTH)
    hot = np.array([[one == name for name in ("cat", "dog")] for one in TRUTH], dtype=int)
    soft = np.array([[0.9, 0.1] if one == "cat" else [0.2, 0.8] for one in PREDICTED])
    columns = {"image_id": ids(4), "cat": hot[:, 0], "dog": hot[:, 1], "cat_prob": soft[:, 0], "dog_prob": soft[:, 1]}
    done = typed(workspace, written(tmp_path, columns), "m")
    assert "Predictions: columns '*_prob', by its name" in said(done)
    assert accuracy(workspace, "m") == 0.25
    np.savez(tmp_path / "two.npz", ids=ids(4), labels=hot, probs=soft)
    assert typed(workspace, tmp_path / "two.npz", "n").exit_code == 0
    assert accuracy(workspace, "n") == 0.25


def test_arrays_called_labels_are_not_the_predictions_beside_y_pred(make, tmp_path):
    workspace = make(["cat", "dog"], TRUTH)
    numbers = [[["cat", "dog"].index(one) for one in side] for side in (TRUTH, PREDICTED)]
    np.savez(tmp_path / "said.npz", ids=ids(4), labels=numbers[0], y_pred=numbers[1])
    assert typed(workspace, tmp_path / "said.npz", "m").exit_code == 0
    assert accuracy(workspace, "m") == 0.25


def test_an_unknown_column_is_refused_with_those_that_are_there(make, tmp_path):
    workspace = make(["cat", "dog"], TRUTH)
    path = written(tmp_path, {"image_id": ids(4), "diagnosis_ai": PREDICTED, "note": ["x"] * 4})
    refused = said(typed(workspace, path, "m", "--prediction-column", "nothing"))
    assert "--prediction-column can name 'diagnosis_ai', 'note'" in refused
    assert typed(workspace, path, "m", "--prediction-column", "diagnosis_ai").exit_code == 0
    assert accuracy(workspace, "m") == 0.25


def test_true_classes_alone_are_refused_until_they_are_named(make, tmp_path):
    workspace = make(["cat", "dog"], TRUTH)
    path = written(tmp_path, {"image_id": ids(4), "y_true": TRUTH})
    assert "name the one that holds the predictions with --prediction-column" in said(typed(workspace, path, "m"))
    assert typed(workspace, path, "m", "--prediction-column", "y_true").exit_code == 0


def test_the_missing_image_that_is_named_is_missing(make, tmp_path):
    workspace = make(["cat", "dog"], ["cat", "dog", "dog"])
    refused = said(typed(workspace, written(tmp_path, {"image_id": ["a0", "gone", "a2"], "pred": [0, 1, 1]}), "m"))
    assert "of which here 2; 'gone', say, is not" in refused
    path = written(tmp_path, {"image_id": ["images/a0.png", "images/a9.png"], "pred": [0, 1]})
    assert "of which here 1; 'images/a9.png', say, is not" in said(typed(workspace, path, "m"))
    assert typed(workspace, written(tmp_path, {"image_id": ["a0", "a2"], "pred": [0, 1]}), "m").exit_code == 0


def test_equal_probabilities_are_counted(make, tmp_path):
    workspace = make(["ant", "bee", "cow"], ["ant", "bee", "cow", "cow"])
    rows = [[0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]  # the first two
    done = typed(
        workspace, written(tmp_path, {"image_id": ids(4)} | dict(zip(["ant", "bee", "cow"], np.array(rows).T))), "m"
    )
    assert "Equal probabilities: for 2 of 4 test images several classes have the highest one" in said(done)


def test_rounding_makes_no_tie(make, tmp_path):
    workspace = make(["ant", "bee"], ["bee", "bee"])
    near = np.array([[0.5 - 1e-12, 0.5 + 1e-12], [0.1, 0.9]])  # float32 has 0.5 for both
    np.savez(tmp_path / "p.npz", ids=ids(2), probs=near)
    done = typed(workspace, tmp_path / "p.npz", "m")
    assert "Equal probabilities" not in said(done)
    assert accuracy(workspace, "m") == 1


@given(some.integers(1, 14), some.booleans(), some.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_reading_is_unique_or_it_asks(n_classes, by_text, data):
    """Against a slow reading value by value: every way is tried on all values, and one alone may be left."""
    names = sorted(map(str, range(1, n_classes + 1)), key=str if by_text else int)
    texts = data.draw(some.lists(some.sampled_from([*map(str, range(n_classes + 2)), "x"]), min_size=1, max_size=20))
    ways = [
        {name: k for k, name in enumerate(names)},
        {str(k): k for k in range(n_classes)},
        {str(k + 1): k for k in range(n_classes)},
    ]
    wanted = [[way[one] for one in texts] for way in ways if set(texts) <= set(way)]
    assert [[one.index_of[text] for text in texts] for one in readings(texts, names)] == wanted
    distinct = {tuple(one) for one in wanted}
    if len(distinct) == 1:
        assert [read_classes(texts, names).index_of[one] for one in texts] == wanted[0]
    else:
        with pytest.raises(ClassValuesError):
            read_classes(texts, names)


def test_what_is_said_can_be_set_for_every_way(make, tmp_path):
    workspace = make(["1", "2", "3"], ["1", "2", "1"])
    path = written(tmp_path, {"image_id": ids(3), "predicted": [1, 2, 1]})
    found = {}
    for value in ClassValues:
        assert typed(workspace, path, value, "--prediction-values", value).exit_code == 0
        found[str(value)] = accuracy(workspace, value)
    assert found == {"names": 1, "indices": 0, "indices-from-1": 1}


def test_json_lines_are_read(make, tmp_path):
    workspace = make(["cat", "dog"], TRUTH)
    lines = [json.dumps({"file": f"a{k}.png", "model": {"name": "x"}, "pred": one}) for k, one in enumerate(PREDICTED)]
    (tmp_path / "said.jsonl").write_text("\n".join(lines))
    assert typed(workspace, tmp_path / "said.jsonl", "m").exit_code == 0
    assert accuracy(workspace, "m") == 0.25


@pytest.mark.parametrize("kind", ["json", "parquet"])
@pytest.mark.parametrize("name", ["probs", "y_pred", "scores", "out"])
def test_a_column_of_lists_is_named_and_the_truth_beside_it_is_not_read(make, tmp_path, name, kind):
    workspace = make(["cat", "dog"], ["cat", "cat", "dog", "dog"])
    records = [{"image_id": one, "label": "cat", name: [0.1, 0.9]} for one in ids(4)]
    path = tmp_path / f"said.{kind}"
    if kind == "json":
        path.write_text(json.dumps(records))
    else:
        pd.DataFrame(records).to_parquet(path)
    done = typed(workspace, path, "r")
    assert done.exit_code != 0
    assert f"column '{name}' holds lists or records" in said(done)


@pytest.mark.parametrize(
    "values", [["dog", "", "cat", "dog"], ["DOG", "Cat", "CAT", "DOG"], ["dog", "nan", "cat", "dog"]]
)
def test_a_gap_or_other_letters_do_not_hide_the_predictions(make, tmp_path, values):
    """Only one of the four values of the model is right; the column of labels would give 100 %."""
    workspace = make(["cat", "dog"], ["cat", "cat", "dog", "dog"])
    columns = {"image_id": ids(4), "label": ["cat", "cat", "dog", "dog"], "resnet50": values}
    done = typed(workspace, written(tmp_path, columns), "r")
    assert done.exit_code != 0
    assert "'resnet50'" in said(done)


def test_probabilities_of_other_classes_beside_labels_are_not_passed_over(make, tmp_path):
    workspace = make(["cat", "dog"], ["cat", "cat", "dog", "dog"])
    np.savez(tmp_path / "said.npz", ids=np.array(ids(4)), labels=[0, 0, 1, 1], scores=np.full((4, 3), 1 / 3))
    done = typed(workspace, tmp_path / "said.npz", "r")
    assert done.exit_code != 0
    assert "expected (images, 2 classes)" in said(done)
