"""Scores by which the review queue is ordered."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from dashboard.address.links import Cell
from dashboard.decisions.queue import Ranked, disagreement, votes
from dashboard.evaluation.cell_images import n_runs_in_cell
from dashboard.evaluation.confusion_cells import cell_words
from dashboard.evaluation.stored_predictions import StoredPredictions
from dashboard.words import counted
from model_zoo.core.evaluation.evaluation import Evaluation, mapped
from model_zoo.core.label_space.taxonomy import ELSEWHERE, Taxonomy, project
from model_zoo.core.review.label_errors import find_label_errors

_SMALLEST = 1e-12  # a probability of 0 would make a loss infinite


def wrong_in_any(judged: Sequence[Evaluation]) -> Ranked:
    """The images that any run of any subject gets wrong, most runs first, each in its label space shown."""
    wrong: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for evaluation in judged:
        n_wrong = (~evaluation.right).sum(axis=0)
        for image_id, n in zip(evaluation.image_ids, n_wrong.tolist(), strict=True):
            wrong[image_id] += n
            asked[image_id] += len(evaluation.predicted)
    why = {one: f"wrong in {n} of {counted(asked[one], 'run')}" for one, n in wrong.items() if n}
    return {image_id: (-wrong[image_id], reason) for image_id, reason in why.items()}


def in_cell(one: StoredPredictions, judged: Evaluation, cell: Cell) -> Ranked:
    """The images that fall in the cell in some run, most runs first."""
    n_in, n_runs = n_runs_in_cell(judged, cell), len(judged.predicted)
    words = f"{cell_words(cell)} by" if cell.predicted else f"{cell_words(cell)}:"
    return {
        judged.image_ids[k]: (-float(n_in[k]), f"{words} {n_in[k]} of {counted(n_runs, 'run')}")
        for k in np.flatnonzero(n_in)
    }


def likely_label_errors(one: StoredPredictions, judged: Evaluation) -> Ranked:
    """By self-confidence, where another class is likelier than the given one (confident learning's ranking)."""
    found = find_label_errors(judged.truth, one.probabilities(judged))
    names = judged.taxonomy.names
    rows = np.flatnonzero(found.likeliest != found.given)
    own, best = found.quality(), found.probabilities.max(axis=1)
    return {
        judged.image_ids[k]: (
            float(own[k]),
            f"given {names[found.given[k]]}; {one.who}: {names[found.likeliest[k]]} {best[k]:.2f}",
        )
        for k in rows
    }


def margins(one: StoredPredictions, judged: Evaluation) -> Ranked:
    """By the likeliest class's lead over the next, mean over runs; nothing where there is one class."""
    names = judged.taxonomy.names
    if len(names) < 2:
        return {}
    mean = one.probabilities(judged).mean(axis=0)
    second, first = np.argsort(mean, axis=1, kind="stable")[:, -2:].T
    rows = np.arange(len(mean))
    lead = mean[rows, first] - mean[rows, second]
    return {
        judged.image_ids[k]: (
            float(lead[k]),
            f"{one.who}: {names[first[k]]} {mean[k, first[k]]:.2f}, {names[second[k]]} {mean[k, second[k]]:.2f}",
        )
        for k in rows
    }


def losses(one: StoredPredictions, judged: Evaluation) -> Ranked:
    """By the cross-entropy of the given label, mean over runs."""
    names = judged.taxonomy.names
    own = one.probabilities(judged)[:, np.arange(len(judged.truth)), judged.truth]
    loss = -np.log(np.maximum(own, _SMALLEST)).mean(axis=0)
    return {
        image_id: (-float(loss[k]), f"given {names[judged.truth[k]]}; {one.who}: loss {loss[k]:.1f} nats")
        for k, image_id in enumerate(judged.image_ids)
    }


def of_class(one: StoredPredictions, judged: Evaluation, cell: Cell) -> Ranked:
    """The images of the cell's true classes, by the probability of the image's own, mean over runs."""
    wanted, names = [judged.taxonomy.class_index(name) for name in cell.true], judged.taxonomy.names
    own = one.probabilities(judged).mean(axis=0)[np.arange(len(judged.truth)), judged.truth]
    return {
        judged.image_ids[k]: (float(own[k]), f"given {names[judged.truth[k]]}; {one.who}: {own[k]:.2f} for it")
        for k in np.flatnonzero(np.isin(judged.truth, wanted))
    }


def disagreeing(said: Sequence[StoredPredictions], ground: Taxonomy) -> Ranked:
    """By the share of pairs of runs that answer differently; labels play no part."""
    image_ids = [
        one for one in said[0].predictions[0].image_ids if all(one in p.row_of for s in said for p in s.predictions)
    ]
    answers = []
    for one in said:
        onto = project(one.subject.taxonomy, ground)
        for run in one.predictions:
            answers.append(mapped(run, onto)[[run.row_of[image_id] for image_id in image_ids]])
    predicted = np.stack(answers)
    share, names = disagreement(predicted), (*ground.names, ELSEWHERE)
    return {image_ids[k]: (-float(share[k]), votes([names[c] for c in predicted[:, k]])) for k in np.flatnonzero(share)}
