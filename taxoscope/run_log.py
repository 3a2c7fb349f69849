"""Runs written by training code: predictions become a run of a workspace."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model_zoo.core.errors import RunError
from model_zoo.core.label_space.splits import Split
from taxoscope.inputs import read_texts, read_values
from taxoscope.models import predictions_of


def log_run(
    folder: str | Path,
    name: str,
    y_pred: Any,
    sample_ids: Any = None,
    *,
    taxonomy: str,
    seed: int = 0,
    classes: Sequence[Any] | None = None,
    split: str | None = None,
    architecture: str = "",
) -> str:
    """Write predictions as the run ``name-s<seed>`` of the workspace in ``folder``; returns its name.

    Runs of one ``name``, taxonomy and architecture that differ in ``seed`` alone are one run group. ``y_pred`` is
    (N, K) probabilities or (N,) labels, as in `compare`; ``classes`` names unnamed columns, by default those of
    ``taxonomy`` in its order. ``sample_ids`` (N,) name images by id, path or file name; they may be of validation and
    test at once. Without them rows are those of ``split`` in the order of the manifest. The run is written whole or
    not at all, and none is ever written over.
    """
    from dataclasses import replace

    from model_zoo.importing.prediction_files import ImportedPredictions
    from model_zoo.importing.predictions import card_of, match_predictions
    from model_zoo.workspace.run import check_run_id, write_run
    from model_zoo.workspace.workspace import Workspace

    workspace = Workspace.open(Path(folder))
    run_id, class_set = check_run_id(f"{name}-s{seed}"), workspace.taxonomy(taxonomy)
    if split is not None and split not in tuple(Split):
        raise RunError(f"split={split!r} is none; it can be {', '.join(map(repr, map(str, Split)))}.")
    values = read_values(y_pred, "y_pred")
    ids = () if sample_ids is None else read_texts(sample_ids, "sample_ids")
    if ids and len(ids) != len(values.array):
        raise RunError(f"sample_ids has {len(ids):,} ids, y_pred has {len(values.array):,} predictions.")
    order = None if classes is None else read_texts(classes, "classes")
    known = {**workspace.taxonomies(), class_set.name: class_set}
    rows = predictions_of("y_pred", values, class_set, workspace.space, known, order)
    read = ImportedPredictions(
        "y_pred",
        "",
        ids,
        class_set.names,
        None if rows.labels_only else rows.probabilities.astype(float),
        None,
        candidates=rows.probabilities > 0 if rows.labels_only else None,
    )
    dataset = workspace.dataset()
    found = match_predictions(read, class_set, dataset, None if split is None else Split(split))
    card = card_of(run_id, read, class_set, dataset, "")
    recipe = {"imported_from": "Python", "model": name, "predictions": card.recipe["predictions"]}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    card = replace(card, architecture=architecture, recipe=recipe, seed=seed, created=created)
    return write_run(card, workspace.writable / "runs", b"", (), found.predictions).run_id
