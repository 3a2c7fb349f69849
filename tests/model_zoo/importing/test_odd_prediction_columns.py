"""Names beside the predictions: a model's version is no prediction, ranked classes are no probabilities."""

import numpy as np
import pytest

from model_zoo.core.errors import RunError
from model_zoo.importing.prediction_files import read_predictions

CLASSES = ("cat", "dog")


@pytest.mark.parametrize("column", ["model_version", "model name", "modelId", "model_hash"])
def test_which_model_it_was_is_no_prediction(tmp_path, column):
    path = tmp_path / "p.csv"
    path.write_text(f"image_id,{column},y_pred\na,1,cat\nb,1,dog\nc,0,dog\n")
    read = read_predictions(path, CLASSES)
    assert read.labels.tolist() == [0, 1, 1]
    path.write_text(f"image_id,{column},label\na,1,cat\nb,1,dog\nc,0,dog\n")
    assert read_predictions(path, CLASSES).labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize("key", ["topk", "top5", "preds"])
def test_an_array_of_ranked_classes_is_named(tmp_path, key):
    path, labels = tmp_path / "p.npz", np.array([0, 1, 1])
    np.savez(path, ids=np.array(["a", "b", "c"]), label=labels, **{key: np.arange(9).reshape(3, 3)})
    with pytest.raises(RunError, match=f"array '?{key}.*--prediction-column"):
        read_predictions(path, CLASSES)
    assert read_predictions(path, CLASSES, "label").labels.tolist() == labels.tolist()  # the remedy
    with pytest.raises(RunError, match="one class for each image"):
        read_predictions(path, CLASSES, key)


@pytest.mark.parametrize("key", ["topk", "top2", "ranking"])
def test_the_two_best_of_two_classes_are_no_scores(tmp_path, key):
    """Rows such as [0, 1] list class 0 first; read as scores, they would say class 1."""
    path = tmp_path / "p.npz"
    np.savez(path, ids=np.array(["a", "b"]), **{key: np.array([[0, 1], [1, 0]])})
    with pytest.raises(RunError, match="one class for each image"):
        read_predictions(path, ("cat", "dog"))
    np.savez(path, ids=np.array(["a", "b"]), **{key: np.array([[0.9, 0.1], [0.2, 0.8]])})
    assert read_predictions(path, ("cat", "dog")).probabilities.argmax(axis=1).tolist() == [
        0,
        1,
    ]
