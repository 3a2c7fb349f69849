"""Comparison of models in memory, by the rule and the code of `taxoscope compare`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from model_zoo.core.comparison.comparison import Rule
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.label_space.taxonomy import Taxonomy
from taxoscope.class_sets import ClassMapping
from taxoscope.models import Data, Model, read_data
from taxoscope.result import Result

if TYPE_CHECKING:
    from dashboard.evaluation.comparison import Comparison
    from model_zoo.workspace.run import Run


def compare(
    y_true: Any,
    y_pred: Mapping[str, Any],
    *,
    groups: Any = None,
    taxonomies: Mapping[str, ClassMapping | Taxonomy] | None = None,
    classes: Sequence[Any] | Mapping[str, Sequence[Any]] | None = None,
    sample_ids: Any = None,
    metric: str = "accuracy",
    margin: float = 0.01,
) -> Result:
    """Compare models over the same N images, in the finest classes that all of them distinguish.

    Parameters
    ----------
    y_true : (N,) labels in the finest classes; lists, numpy, pandas, Arrow or torch, here and below.
    y_pred : model name -> predictions: (N, K) probabilities, or (N,) labels, which may name a class of any entry of
        ``taxonomies`` (one that spans several classes counts as incorrect there). Several seeds are a list of such
        arrays, or (S, N, K). The first model is the baseline.
    groups : (N,) patient, or whatever else images of one source share. Without it each image is taken as independent.
    taxonomies : model name -> its class -> the finest classes that it holds; classes that are not mentioned stay as
        they are, and ``None`` lists those that the model does not know. A model without one has the finest classes. An
        entry that is no model names groups of classes, so that predicted labels may name them.
    classes : the finest classes, or model name -> its classes, in the order of unnamed columns. Default: sorted, as
        scikit-learn's ``classes_``.
    sample_ids : (N,) names of the images; default: 0 to N - 1.
    metric : "accuracy", "balanced accuracy" or "macro-F1", which decides. Choose it before you see results.
    margin : the difference that counts as none, in (0, 1); 0.01 is one percentage point.

    Raises `taxoscope.TaxoScopeError` in one sentence for input that does not fit together.
    """
    rule = _rule(metric, margin)
    data = read_data(y_true, y_pred, groups, taxonomies, classes, sample_ids)
    if len(data.models) < 2:
        raise RunError("y_pred has one model; give at least two to compare, the baseline first.")
    return Result(compare_models(data, rule), rule, data)


def compare_models(data: Data, rule: Rule) -> "Comparison":
    """The models of ``data`` on their shared classes, as the command compares runs."""
    from dashboard.address.selection import Labels, Space
    from dashboard.evaluation.comparison import Subject, compare
    from model_zoo.core.label_space.splits import Split

    subjects = tuple(Subject(model.name, model.name, runs_of(model)) for model in data.models)
    predictions = {
        run.run_id: seed
        for subject, model in zip(subjects, data.models, strict=True)
        for run, seed in zip(subject.runs, model.seeds, strict=True)
    }
    return compare(
        subjects,
        Space.COMMON,
        Split.TEST,
        Labels.ORIGINAL,
        data.labels,
        data.patients,
        read=lambda run, _: predictions[run.run_id],
    )


def runs_of(model: Model) -> tuple["Run", ...]:
    """A run in memory for each seed."""
    from pathlib import Path

    from model_zoo.workspace.run import Run

    return tuple(Run(card_of(model, seed), Path()) for seed in range(len(model.seeds)))


def card_of(model: Model, seed: int) -> Any:
    """The card of a seed: predictions alone, made elsewhere."""
    from datetime import UTC, datetime
    from importlib.metadata import version

    from model_zoo.workspace.run import LABELS_ONLY, Card

    what = LABELS_ONLY if model.seeds[seed].labels_only else "probabilities"
    unknown = "not known: predictions alone"
    return Card(
        run_id=f"{model.name}-s{seed}",
        architecture="",
        taxonomy=model.taxonomy,
        preprocessing=None,
        data_hash={},
        recipe={"imported_from": "Python", "model": model.name, "predictions": what},
        seed=seed,
        epochs_chosen=unknown,
        n_train_images=0,
        n_parameters=0,
        duration_s=0.0,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"taxoscope": version("taxoscope")},
        processor=unknown,
        licence="",
    )


def _rule(metric: str, margin: float) -> Rule:
    if metric not in tuple(Headline):
        raise RunError(f"metric={metric!r} cannot decide; it can be {', '.join(map(repr, map(str, Headline)))}.")
    try:
        return Rule(Headline(metric), margin)
    except (ValueError, TypeError) as error:
        raise RunError(f"margin={margin!r}: {error}.") from error
