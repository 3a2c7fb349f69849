"""The orders of the review queue: which images wait, which first, and why each is shown."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from dashboard.actions.asked import Asked, asked
from dashboard.actions.compare import Subject
from dashboard.actions.desk import Desk
from dashboard.actions.subset import LABEL
from dashboard.links import Where, images_words
from dashboard.reviews.draws import Draw
from dashboard.reviews.queue import (
    QueueItem,
    Ranked,
    disagreement,
    listed_queue,
    lowest,
    random_queue,
    ranked_queue,
    votes,
)
from dashboard.words import NO_RUN_YET, counted, share_text
from model_zoo.core.choices import Labels, Order, Space, Split
from model_zoo.core.evaluation import Evaluation, evaluate
from model_zoo.core.label_errors import find_label_errors
from model_zoo.core.labels import Label
from model_zoo.core.taxonomy import ELSEWHERE, Taxonomy, common_ground, project

_SMALLEST = 1e-12  # a probability of 0 would make a loss infinite

_NOTHING_WAITS = "Choose other runs or another order, or open a list of images from Images."

SPACES = {Space.NATIVE: "native", Space.COMMON: "common ground"}


@dataclass(frozen=True, slots=True)
class Queue:
    """The images that wait, in order; ``about`` says on screen how they came about, ``chosen_by`` in each decision.

    ``empty`` says what to do where there are none.
    """

    items: tuple[QueueItem, ...] = ()
    about: str = "No run or series is chosen"
    chosen_by: str = ""
    empty: str = _NOTHING_WAITS


def listed(image_ids: Sequence[str]) -> Queue:
    """Any list of images as a queue."""
    return Queue(listed_queue(image_ids), "The images listed in Images", "a list from Images")


def ordered(
    desk: Desk,
    subjects: Sequence[Subject],
    order: Order,
    space: Space,
    split: Split,
    which: Labels,
    seed: int = 1,
    *,
    where: Where | None = None,
    only: Set[str] | None = None,
) -> Queue:
    """The queue of one split in ``order``, from what the subjects' runs say of it; empty without a subject.

    Training images are judged by out-of-fold predictions alone, and wait in vain where no run has
    any. ``seed`` draws the random order. ``only`` restricts the images, and ``where`` names what they are.
    """
    if not order.uses_runs:
        image_ids = [image.image_id for image in desk.dataset().split(split)]
        items = random_queue([one for one in image_ids if only is None or one in only], seed)
        about = f"All images of the {images_words(split, where)} in random order (drawn by seed {seed})"
        chosen_by = Draw(seed, split, _drawn_where(where, which)).chosen_by(len(items))
        return Queue(items, about, chosen_by, _what_to_do(where))
    if not subjects:
        return Queue() if desk.series() else Queue(empty=NO_RUN_YET)
    said = [one for subject in subjects if (one := asked(desk, subject, split)) is not None]
    if only is not None:
        said = [one.only(only) for one in said]
    if not said:
        run_id = subjects[0].runs[0].run_id
        return Queue(
            about="Training images, which no model that has not learned from them was asked about",
            empty="The chosen runs have learned from the training images, so they cannot judge their labels. "
            f"`taxoscope predict {run_id} --cross-fit 5` trains models that have not, and asks them.",
        )
    ground = common_ground([one.subject.taxonomy for one in said])
    if order is Order.DISAGREE:
        return _queue(ranked_queue(_disagreeing(said, ground)), order, SPACES[Space.COMMON], split, where)
    native = space is Space.NATIVE or order is Order.LABEL_ERROR
    labels, patients = desk.labels(which), desk.dataset().patients
    judged = [_judged(one, one.subject.taxonomy if native else ground, labels, patients) for one in said]
    if order is Order.WRONG:
        return _queue(wrong_in_any(judged), order, SPACES[space], split, where)
    place = {Order.LABEL_ERROR: _label_errors, Order.MARGIN: _margins, Order.LOSS: _losses}[order]
    ranked = lowest(place(one, evaluation) for one, evaluation in zip(said, judged, strict=True))
    classes = "own classes" if order is Order.LABEL_ERROR else SPACES[space]
    return _queue(ranked_queue(ranked), order, classes, split, where)


def wrong_in_any(judged: Sequence[Evaluation]) -> tuple[QueueItem, ...]:
    """The images that any run of any subject gets wrong, most runs first, each in its label space shown."""
    wrong: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for evaluation in judged:
        n_wrong = (~evaluation.right).sum(axis=0)
        for image_id, n in zip(evaluation.image_ids, n_wrong.tolist(), strict=True):
            wrong[image_id] += n
            asked[image_id] += len(evaluation.predicted)
    why = {one: f"wrong in {n} of {counted(asked[one], 'run')}" for one, n in wrong.items() if n}
    return ranked_queue({image_id: (-wrong[image_id], reason) for image_id, reason in why.items()})


_ABOUT = {
    Order.WRONG: "Images that some chosen run gets wrong, most runs first",
    Order.LABEL_ERROR: "Images whose label is not the likeliest to some chosen run or series, least likely first",
    Order.MARGIN: "Images by how close the two likeliest classes are, closest first",
    Order.LOSS: "Images by the loss of their label, highest first",
    Order.DISAGREE: "Images on which the chosen runs disagree, most first",
}

_CHOSEN_BY = {
    Order.WRONG: "wrong in some chosen run",
    Order.LABEL_ERROR: "likely label error",
    Order.MARGIN: "low margin",
    Order.LOSS: "high loss",
    Order.DISAGREE: "chosen runs disagree",
}


def _queue(items: tuple[QueueItem, ...], order: Order, classes: str, split: Split, where: Where | None) -> Queue:
    folds = ", out of fold" if split is Split.TRAIN else ""
    about = f"{_ABOUT[order]} ({classes}, {images_words(split, where)}{folds})"
    if folds:
        about += "; maps are the runs' own, which learned from these images"
    chosen_by = f"{_CHOSEN_BY[order]} ({classes.removesuffix(' ground')}, {_short(split, where)}{folds})"
    return Queue(items, about, chosen_by, _what_to_do(where))


def _what_to_do(where: Where | None) -> str:
    return f"Choose all images again above. {_NOTHING_WAITS}" if where else _NOTHING_WAITS


def _short(split: Split, where: Where | None) -> str:
    return f"{split}, {where.words}" if where else str(split)


def _drawn_where(where: Where | None, which: Labels) -> str:
    """What a random order is restricted to; labels as reviewed change with each decision, so that it is no draw."""
    moving = where is not None and where.column == LABEL and which is Labels.REVIEWED
    return f"{where.words if where else ''}{' as reviewed by now' if moving else ''}"


def _judged(one: Asked, space: Taxonomy, labels: Mapping[str, Label], patients: Mapping[str, str]) -> Evaluation:
    return evaluate(one.predictions, one.subject.taxonomy, space, labels, patients)


def _label_errors(one: Asked, judged: Evaluation) -> Ranked:
    """By self-confidence, where another class is likelier than the given one (confident learning's ranking)."""
    found = find_label_errors(judged.truth, one.probabilities(judged))
    names = judged.taxonomy.names
    rows = np.flatnonzero(found.likeliest != found.given)
    own, best = found.quality(), found.probabilities.max(axis=1)
    return {
        judged.image_ids[k]: (
            float(own[k]),
            f"given {names[found.given[k]]}; {one.who}: {names[found.likeliest[k]]} {share_text(float(best[k]), 0)}",
        )
        for k in rows
    }


def _margins(one: Asked, judged: Evaluation) -> Ranked:
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
            f"{one.who}: {names[first[k]]} {share_text(float(mean[k, first[k]]), 0)}, "
            f"{names[second[k]]} {share_text(float(mean[k, second[k]]), 0)}",
        )
        for k in rows
    }


def _losses(one: Asked, judged: Evaluation) -> Ranked:
    """By the cross-entropy of the given label, mean over runs."""
    names = judged.taxonomy.names
    own = one.probabilities(judged)[:, np.arange(len(judged.truth)), judged.truth]
    loss = -np.log(np.maximum(own, _SMALLEST)).mean(axis=0)
    return {
        image_id: (-float(loss[k]), f"given {names[judged.truth[k]]}; {one.who}: loss {loss[k]:.1f} nats")
        for k, image_id in enumerate(judged.image_ids)
    }


def _disagreeing(said: Sequence[Asked], ground: Taxonomy) -> Ranked:
    """By the share of pairs of runs that answer differently; labels play no part."""
    image_ids = [
        one for one in said[0].predictions[0].image_ids if all(one in p.row_of for s in said for p in s.predictions)
    ]
    answers = []
    for one in said:
        onto = project(one.subject.taxonomy, ground)
        for run in one.predictions:
            answers.append(onto.apply(run.predicted[[run.row_of[image_id] for image_id in image_ids]]))
    predicted = np.stack(answers)
    share, names = disagreement(predicted), (*ground.names, ELSEWHERE)
    return {image_ids[k]: (-float(share[k]), votes([names[c] for c in predicted[:, k]])) for k in np.flatnonzero(share)}
