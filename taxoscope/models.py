"""Models in memory: labels, groups and predictions as the core takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_zoo.core.errors import ClassValuesError, RunError, TaxonomyError
from model_zoo.core.evaluation.evaluation import Evaluation, evaluate
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.labels import Label, LeafSpace, join_values
from model_zoo.core.label_space.taxonomy import Taxonomy
from taxoscope.class_sets import FINEST, ClassMapping, class_set, finest, leaf_space
from taxoscope.inputs import Values, in_natural_order, read_seeds, read_texts, texts_of


@dataclass(frozen=True)
class Model:
    """The predictions of each seed of a model, in the classes of its taxonomy."""

    name: str
    taxonomy: Taxonomy
    seeds: tuple[Predictions, ...]

    def evaluate(self, data: "Data") -> Evaluation:
        """In the model's own classes."""
        return evaluate(self.seeds, self.taxonomy, self.taxonomy, data.labels, data.patients)


@dataclass(frozen=True)
class Data:
    """Labels and groups of N images, models that predicted them, and what was assumed, in sentences.

    ``taxonomies`` holds the finest classes, each model's class set, and those that only name inner nodes.
    """

    space: LeafSpace
    labels: Mapping[str, Label]
    patients: Mapping[str, str]
    models: tuple[Model, ...]
    taxonomies: Mapping[str, Taxonomy]
    notes: tuple[str, ...]


def read_data(
    y_true: Any,
    y_pred: Mapping[str, Any],
    groups: Any = None,
    taxonomies: Mapping[str, ClassMapping | Taxonomy] | None = None,
    classes: Sequence[Any] | Mapping[str, Sequence[Any]] | None = None,
    sample_ids: Any = None,
) -> Data:
    """Everything that `taxoscope.compare` takes, checked; `TaxoScopeError` in one sentence."""
    truth = read_texts(y_true, "y_true")
    if not truth:
        raise RunError("y_true is empty; give the label of each image.")
    if not isinstance(y_pred, Mapping) or not y_pred:
        raise RunError(f"y_pred is a {type(y_pred).__name__}; expected a dict of model name -> predictions.")
    given, notes = dict(taxonomies or {}), list[str]()
    seeds = {str(name): read_seeds(one, f"y_pred[{name!r}]", len(truth)) for name, one in y_pred.items()}
    orders = _orders(classes, list(seeds))
    space = leaf_space(_finest_names(truth, seeds, given, orders, classes))
    if strange := [text for text in dict.fromkeys(truth) if text not in space.lone]:
        raise RunError(f"y_true has the class {strange[0]!r}, which classes= does not list; add it there.")
    ids = tuple(str(k) for k in range(len(truth))) if sample_ids is None else read_texts(sample_ids, "sample_ids")
    if len(ids) != len(truth) or len(set(ids)) < len(ids):
        raise RunError(
            f"sample_ids has {len(set(ids)):,} different ids; expected one for each of {len(truth):,} images."
        )
    built = {
        name: class_set(name, given[name], space) if name in given else (finest(space, name), False) for name in seeds
    }
    others = {name: class_set(name, one, space) for name, one in given.items() if name not in seeds}
    known = {FINEST: finest(space), **{name: taxonomy for name, (taxonomy, _) in (others | built).items()}}
    models = tuple(
        _model(name, built[name], one, ids, space, known, orders.get(name), name in given, notes)
        for name, one in seeds.items()
    )
    labels = {image_id: frozenset({join_values((text,))}) for image_id, text in zip(ids, truth, strict=True)}
    patients = dict(zip(ids, _groups(groups, len(truth), notes), strict=True))
    return Data(space, labels, patients, models, known, tuple(notes))


def _groups(groups: Any, n_images: int, notes: list[str]) -> tuple[str, ...]:
    if groups is None:
        notes.append(
            "No groups were given: each image is taken as independent of all others, and intervals are too narrow "
            "where several images are of one patient (groups=...)."
        )
        return ("",) * n_images
    owners = read_texts(groups, "groups", missing="")
    if len(owners) != n_images:
        raise RunError(f"groups has {len(owners):,} values, y_true has {n_images:,} labels; give one for each image.")
    if n_alone := owners.count(""):
        notes.append(f"{n_alone:,} of {n_images:,} images have no group: each is taken as independent of all others.")
    return owners


def _orders(
    classes: Sequence[Any] | Mapping[str, Sequence[Any]] | None, names: Sequence[str]
) -> Mapping[str, tuple[str, ...]]:
    """Model -> the order of its classes where ``classes`` gives one."""
    if classes is None:
        return {}
    if not isinstance(classes, Mapping):
        order = read_texts(classes, "classes")
        return dict.fromkeys(names, order)
    if unknown := [name for name in classes if name not in names]:
        raise RunError(f"classes names {unknown[0]!r}, which is no model of y_pred; it has {_listed(names)}.")
    return {str(name): read_texts(order, f"classes[{name!r}]") for name, order in classes.items()}


def _finest_names(
    truth: Sequence[str],
    seeds: Mapping[str, tuple[Values, ...]],
    given: Mapping[str, ClassMapping | Taxonomy],
    orders: Mapping[str, tuple[str, ...]],
    classes: Any,
) -> tuple[str, ...]:
    """The finest classes: a list ``classes``, else those of y_true, of taxonomies, and of models without one."""
    if classes is not None and not isinstance(classes, Mapping):
        return next(iter(orders.values()))
    names = set(truth)
    for one in given.values():
        if isinstance(one, Taxonomy):
            continue
        for inside in one.values() if isinstance(one, Mapping) else ():
            names |= {inside} if isinstance(inside, str) else {str(member) for member in inside}
    for name, values in seeds.items():
        if name not in given:
            numbered = values[0].is_numbered and not set(truth) <= set(values[0].columns)
            named = set(orders.get(name) or (() if numbered else values[0].columns))
            if named and (unknown := [text for text in dict.fromkeys(truth) if text not in named]):
                raise TaxonomyError(
                    f"y_pred[{name!r}] has no class {unknown[0]!r}, which y_true has; say which classes its own hold "
                    f"with taxonomies={{{name!r}: {{its class: [classes of y_true], ...}}}}."
                )
            names |= named
    return in_natural_order(names)


def _model(
    name: str,
    built: tuple[Taxonomy, bool],
    seeds: tuple[Values, ...],
    ids: tuple[str, ...],
    space: LeafSpace,
    nodes: Mapping[str, Taxonomy],
    order: tuple[str, ...] | None,
    mapped: bool,
    notes: list[str],
) -> Model:
    taxonomy, complete = built
    said: list[str] = []
    if order is not None and mapped and sorted(order) != sorted(taxonomy.names):
        order = None  # a list for all models orders the finest classes
    read = tuple(
        _probabilities(f"y_pred[{name!r}]", one, taxonomy, ids, order, complete or not mapped, said)
        if one.array.ndim == 2
        else _labels(f"y_pred[{name!r}]", one, taxonomy, ids, space, nodes, order, said)
        for one in seeds
    )
    notes += dict.fromkeys(said)
    return Model(name, taxonomy, read)


def predictions_of(
    what: str,
    values: Values,
    taxonomy: Taxonomy,
    space: LeafSpace,
    nodes: Mapping[str, Taxonomy],
    order: tuple[str, ...] | None = None,
) -> Predictions:
    """Predictions in the classes of ``taxonomy``, of images named by their rows; labels may name classes of ``nodes``.

    Unnamed columns, and class indices, stand in ``order``, by default that of the taxonomy.
    """
    ids = tuple(map(str, range(len(values.array))))
    if values.array.ndim == 2:
        return _probabilities(what, values, taxonomy, ids, order, True, [])
    return _labels(what, values, taxonomy, ids, space, nodes, order or taxonomy.names, [])


def _probabilities(
    what: str,
    values: Values,
    taxonomy: Taxonomy,
    ids: tuple[str, ...],
    order: tuple[str, ...] | None,
    ordered: bool,
    said: list[str],
) -> Predictions:
    from model_zoo.importing.prediction_files import ImportedPredictions

    n_columns, names = values.array.shape[1], taxonomy.names
    if n_columns != len(names):
        raise RunError(
            f"{what} has {n_columns} columns, its class set has {len(names)} classes ({_listed(names)}); give one "
            "column for each class, or name the classes with classes= or taxonomies=."
        )
    unnamed = not values.columns or (values.is_numbered and sorted(values.columns) != sorted(names))
    columns = order or (names if unnamed else values.columns)
    if sorted(columns) != sorted(names):
        strange = next((one for one in columns if one not in names), columns[0])
        raise RunError(f"{what} has a column {strange!r}, which is no class of its class set: {_listed(names)}.")
    if unnamed and order is None:
        if not ordered:
            raise RunError(
                f"{what} has no column names and its taxonomy leaves the order of its classes open; give a DataFrame, "
                f"or classes={{...: [the {n_columns} classes in the order of the columns]}}."
            )
        said.append(f"The columns of {what} are taken for {_listed(names)}, in this order.")
    try:
        numbers = values.array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise RunError(f"{what} holds {values.array.dtype} values; expected probabilities or (N,) labels.") from error
    place = [columns.index(one) for one in names]
    return Predictions(ids, names, ImportedPredictions(what, "", (), names, numbers[:, place], None).rows)


def _labels(
    what: str,
    values: Values,
    taxonomy: Taxonomy,
    ids: tuple[str, ...],
    space: LeafSpace,
    nodes: Mapping[str, Taxonomy],
    order: tuple[str, ...] | None,
    said: list[str],
) -> Predictions:
    from model_zoo.importing.class_values import InnerNodes

    texts = texts_of(values.array, what)
    at_any_depth, known, inner = InnerNodes(taxonomy, nodes, space), dict[str, np.ndarray](), list[str]()
    numbers = [str(k) for k in range(len(taxonomy.names))]
    by_index = order is not None and not set(texts) & set(order) and set(texts) <= set(numbers)
    if by_index:
        assert order is not None
        said.append(f"{what} is read as class indices from 0, in the order {_listed(order)}.")
    for text in dict.fromkeys(texts):
        try:
            named = (order[int(text)],) if by_index and order else at_any_depth.classes_of(text)
        except ClassValuesError as error:
            raise RunError(
                f"{what} predicts {text[:100]!r}, which is no class here; there are {_listed(taxonomy.names)}: say "
                "what its classes hold with taxonomies=, or give class indices their order with classes=."
            ) from error
        inner += [text] if len(named) > 1 else []
        touched = np.isin(taxonomy.names, named)
        known[text] = (touched / touched.sum()).astype(np.float32)
    if inner:
        said.append(f"{what} leaves images undecided between several of its classes ({_listed(inner)}).")
    return Predictions(ids, taxonomy.names, np.stack([known[text] for text in texts]), labels_only=True)


def _listed(names: Any, at_most: int = 10) -> str:
    named = list(map(str, names))
    return ", ".join(named[:at_most]) + (f" and {len(named) - at_most:,} more" if len(named) > at_most else "")
