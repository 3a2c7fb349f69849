"""What else the product measures, from arrays: merges, causes of errors, agreement between people, label errors."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from model_zoo.core.diagnosis.diagnosis import Cause, Measure, measure_causes
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import patient_codes
from model_zoo.core.label_space.class_groups import ClassGroup
from model_zoo.core.label_space.taxonomy import project
from model_zoo.core.review.agreement import NO_LABEL, cohen, coincidences, fleiss, joint, krippendorff, observed
from model_zoo.core.review.label_errors import Quality, find_label_errors
from model_zoo.core.suggestions.merge_suggestions import merge_candidates
from taxoscope.class_sets import ClassMapping, class_set
from taxoscope.inputs import in_natural_order, read_texts, read_values, texts_of
from taxoscope.models import Data, read_data

if TYPE_CHECKING:
    import pandas as pd

_MODEL = "y_pred"


def suggest_merges(y_true: Any, y_pred: Any, *, groups: Any = None, classes: Any = None) -> "pd.DataFrame":
    """Merges of classes that the model confuses, the most worth merging first; one row for each.

    Give validation images: a test set is for the result. ``rise`` is the accuracy gained, ``random_high`` what random
    merges of as many classes gain (97.5 %); ``gain`` is that of ITCA in nats per image, cross-fitted, and a merge
    ``pays`` where its interval ``low`` to ``high`` lies above 0. Empty with fewer than three classes or 20 groups.
    """
    import pandas as pd

    data = _read(y_true, y_pred, groups, classes)
    found = merge_candidates(data.models[0].evaluate(data), data.space)
    columns = ["classes", "gain", "low", "high", "pays", "rise", "random_high", "n_images", "n_groups"]
    rows = [
        (one.members, one.gain, one.low, one.high, one.pays, one.rise, one.random[2], one.n_images, one.n_patients)
        for one in found
    ]
    return pd.DataFrame(rows, columns=columns)


def diagnose(
    y_true: Any,
    y_pred: Any,
    *,
    groups: Any = None,
    classes: Any = None,
    coarser: ClassMapping | None = None,
    n_train: Mapping[Any, int] | None = None,
) -> "pd.DataFrame":
    """Four causes of errors, each measured against what chance alone gives: one row for each.

    A cause ``stands_out`` where ``value`` lies above ``null_high`` (99 % for all four together). ``coarser`` maps
    coarse classes to lists of classes: without it, the last two causes cannot be told. ``n_train`` maps a class to its
    number of training images: without it, the first cannot. Labels without probabilities leave the third open.
    """
    import pandas as pd

    data = _read(y_true, y_pred, groups, classes)
    model, names = data.models[0], data.models[0].taxonomy.names
    evaluation = model.evaluate(data)
    rows = [model.seeds[0].row_of[image_id] for image_id in evaluation.image_ids]
    probabilities = np.stack([one.probabilities[rows] for one in model.seeds]).astype(np.float64)
    target = class_set("coarser", coarser, data.space)[0] if coarser else model.taxonomy
    index = project(model.taxonomy, target).index
    members = [tuple(np.flatnonzero(index == k).tolist()) for k in range(len(target.names))]
    shared = [
        ClassGroup({"coarser": name}, inside) for name, inside in zip(target.names, members, strict=True) if inside[1:]
    ]
    sizes = {str(name): n for name, n in (n_train or {}).items()}
    if unknown := [name for name in sizes if name not in names]:
        raise RunError(f"n_train names {unknown[0]!r}, which is no class here; there are {', '.join(names[:10])}.")
    training = np.array([sizes.get(name, 0) for name in names], dtype=np.int64)
    found = {one.cause: one for one in measure_causes(evaluation, probabilities, training, index, shared)}
    if any(one.labels_only for one in model.seeds):
        found[Cause.CAPACITY] = Measure(Cause.CAPACITY, float("nan"), float("nan"))
    table = [(str(one.cause), one.value, one.null_high, one.stands_out, one.can_tell) for one in found.values()]
    return pd.DataFrame(table, columns=["cause", "value", "null_high", "stands_out", "can_tell"]).set_index("cause")


def agreement(annotations: Any, *, groups: Any = None) -> "pd.DataFrame":
    """Inter-rater agreement of (N images, R people) labels, missing ones as None or NaN; one row for each metric.

    Share of agreeing pairs, Krippendorff's alpha, Fleiss' kappa where every image has as many labels, Cohen's kappa of
    each two people, and specific agreement on each class, with 95 % intervals over groups.
    """
    import pandas as pd

    table = read_values(annotations, "annotations")
    if table.array.ndim != 2 or table.array.shape[1] < 2:
        raise RunError(
            f"annotations has shape {table.array.shape}; give a table with a row for each image and a column for each "
            "of at least two people."
        )
    people = table.columns or tuple(f"person {k + 1}" for k in range(table.array.shape[1]))
    texts = [texts_of(column, f"annotations[{name!r}]", "") for name, column in zip(people, table.array.T, strict=True)]
    names = in_natural_order(text for column in texts for text in column if text)
    index = {name: k for k, name in enumerate(names)} | {"": NO_LABEL}
    ratings = np.array([[index[text] for text in column] for column in texts], dtype=np.int64)
    owners = [""] * ratings.shape[1] if groups is None else list(read_texts(groups, "groups", missing=""))
    if len(owners) != ratings.shape[1]:
        raise RunError(f"groups has {len(owners):,} values, annotations has {ratings.shape[1]:,} images.")
    ids = [str(k) for k in range(ratings.shape[1])]
    patients = patient_codes(ids, dict(zip(ids, owners, strict=True)))
    both = coincidences(ratings, patients, len(names))
    figures = {"agreement": both.figure(observed), "Krippendorff's alpha": both.figure(krippendorff)}
    n_rated = (ratings != NO_LABEL).sum(axis=0)
    if len(set(n_rated[n_rated > 1].tolist())) == 1:
        figures["Fleiss' kappa"] = both.figure(fleiss)
    for a, b in combinations(range(len(people)), 2):
        met = joint(ratings[a], ratings[b], patients, len(names))
        figures[f"Cohen's kappa: {people[a]}, {people[b]}"] = met.figure(cohen)
    figures |= {f"specific agreement: {name}": both.of_class(k) for k, name in enumerate(names)}
    rows = [(name, one.value, one.low, one.high, one.n_images, one.n_patients) for name, one in figures.items()]
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "n_images", "n_groups"]).set_index("metric")


def label_errors(
    y_true: Any, y_pred: Any, *, classes: Any = None, sample_ids: Any = None, score: str = "self-confidence"
) -> "pd.DataFrame":
    """Labels by how likely they are wrong, the likeliest first (confident learning); one row for each image.

    The probabilities must come from models that did not learn from these images. ``quality`` in [0, 1] is how well a
    label fits, by ``score``: "self-confidence", "normalised margin" or "confidence-weighted entropy".
    """
    import pandas as pd

    if score not in tuple(Quality):
        raise RunError(f"score={score!r} is not known; it can be {', '.join(map(repr, map(str, Quality)))}.")
    data = _read(y_true, y_pred, None, classes, sample_ids)
    model = data.models[0]
    if any(one.labels_only for one in model.seeds):
        raise RunError("y_pred has labels alone; give (N, K) probabilities, by which label errors are found.")
    names, evaluation = model.taxonomy.names, model.evaluate(data)
    found = find_label_errors(evaluation.truth, np.stack([one.probabilities for one in model.seeds]))
    order, quality = found.ranking(Quality(score)), found.quality(Quality(score))
    return pd.DataFrame(
        {
            "sample_id": [evaluation.image_ids[row] for row in order],
            "label": [names[found.given[row]] for row in order],
            "predicted": [names[found.likeliest[row]] for row in order],
            "quality": quality[order],
            "suspected": found.suspected[order],
        }
    ).set_index("sample_id")


def _read(y_true: Any, y_pred: Any, groups: Any, classes: Iterable[Any] | None, sample_ids: Any = None) -> Data:
    order: Sequence[Any] | None = None if classes is None else list(classes)
    return read_data(y_true, {_MODEL: y_pred}, groups, None, order, sample_ids)
