"""The orders of the review queue: which images, in which order, and why."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from dashboard.address.links import Cell, Filter, one_line
from dashboard.address.queue import Order, filters_text
from dashboard.address.selection import Labels, Space
from dashboard.decisions.decision import TEXT_MAX
from dashboard.decisions.queue import QueueItem, listed_queue, lowest, random_queue, ranked_queue
from dashboard.decisions.random_sample import RandomOrder
from dashboard.evaluation.comparison import Subject, distinct
from dashboard.evaluation.confusion_cells import cell_words, largest_class, largest_wrong_cell
from dashboard.evaluation.filters import LABEL
from dashboard.evaluation.rankings import (
    disagreeing,
    in_cell,
    likely_label_errors,
    losses,
    margins,
    of_class,
    wrong_in_any,
)
from dashboard.evaluation.stored_predictions import StoredPredictions, stored_predictions
from dashboard.server_state.open_workspace import Desk
from dashboard.words import no_run_yet
from model_zoo.core.evaluation.evaluation import Evaluation, evaluate
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground
from model_zoo.workspace.command_line import command

NOBODY_DISAGREES = (
    "Nobody disagrees about an image of this queue. Decisions says in which splits people do; or choose another order."
)

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
    where: Sequence[Filter] = (),
    only: Set[str] | None = None,
    cell: Cell | None = None,
) -> Queue:
    """The queue of one split in ``order``, from what the subjects' runs say of it; empty without a subject.

    Training images are judged by out-of-fold predictions alone, and wait in vain where no run has
    any. ``seed`` draws the random order. ``only`` restricts the images, and ``where`` names what they are.
    ``cell``, of one of the subjects, says which cell or class is asked for; the largest where it does not.
    """
    if not order.uses_runs:
        image_ids = [image.image_id for image in desk.dataset().split(split)]
        kept = [one for one in image_ids if only is None or one in only]
        return _whole_split(kept, order, seed, split, where, which)
    if not subjects:
        return Queue() if desk.series() else Queue(empty=no_run_yet(desk.workspace.folders))
    voices = subjects if order.uses_cell else distinct(subjects)  # a cell may name either of two with the same runs
    said = [one for subject in voices if (one := stored_predictions(desk, subject, split)) is not None]
    if only is not None:
        said = [one.only(only) for one in said]
    if not said:
        run_id, folders = subjects[0].runs[0].run_id, desk.workspace.folders
        needed = command("predict", run_id, "--cross-fit", "5", folders=folders)
        return Queue(
            about="Training images, which no model that has not learned from them was asked about",
            empty="The chosen runs have learned from the training images, so they cannot judge their labels. "
            f"`{needed}` trains models that have not, and asks them.",
        )
    ground = common_ground([one.subject.taxonomy for one in said])
    if order is Order.DISAGREE:
        return _queue(ranked_queue(disagreeing(said, ground)), order, SPACES[Space.COMMON], split, where)
    if order.uses_cell:
        return _of_cell(desk, said, cell, order, space, split, which, where)
    native = space is Space.NATIVE or order is Order.LABEL_ERROR
    labels, patients = desk.labels(which), desk.dataset().patients
    judged = [_judged(one, one.subject.taxonomy if native else ground, labels, patients) for one in said]
    if order is Order.WRONG:
        return _queue(ranked_queue(wrong_in_any(judged)), order, SPACES[space], split, where)
    place = {Order.LABEL_ERROR: likely_label_errors, Order.MARGIN: margins, Order.LOSS: losses}[order]
    ranked = lowest(place(one, evaluation) for one, evaluation in zip(said, judged, strict=True))
    classes = "own classes" if order is Order.LABEL_ERROR else SPACES[space]
    return _queue(ranked_queue(ranked), order, classes, split, where)


def _whole_split(
    image_ids: Sequence[str], order: Order, seed: int, split: Split, where: Sequence[Filter], which: Labels
) -> Queue:
    images = "in no split" if split is Split.NONE else f"of the {_images(split, where)}"
    if order is Order.CONFLICT:
        items, short = tuple(QueueItem(one) for one in image_ids), f"people disagree ({_short(split, where)})"
        return Queue(items, f"Images {images} about which people disagree", short, NOBODY_DISAGREES)
    if order is Order.UNSEEN:
        items = tuple(QueueItem(one, "you have not decided about it") for one in image_ids)
        return Queue(
            items,
            f"Images {images} that you have not seen",
            f"not yet seen ({_short(split, where)})",
            _what_to_do(where),
        )
    items = random_queue(image_ids, seed)
    about = f"All images {images} in random order (drawn by seed {seed})"
    chosen_by = RandomOrder(seed, split, _drawn_where(where, which)).chosen_by(len(items))
    return Queue(items, about, chosen_by, _what_to_do(where))


def judge_one(
    desk: Desk,
    subjects: Sequence[Subject],
    subject_id: str,
    space: Space,
    split: Split,
    which: Labels,
    only: Set[str] | None = None,
) -> tuple[Evaluation, str] | None:
    """The subject of a cell (the first where ``subject_id`` is ''), judged beside the others, and its id.

    ``None`` where nobody was asked about the split.
    """
    said = [one for subject in subjects if (one := stored_predictions(desk, subject, split)) is not None]
    if not said:
        return None
    if only is not None:
        said = [one.only(only) for one in said]
    one = _of(said, subject_id)
    return _judged_beside(desk, said, one, space, which), one.subject.subject_id


def _of(said: Sequence[StoredPredictions], subject_id: str) -> StoredPredictions:
    return next((one for one in said if one.subject.subject_id == subject_id), said[0])


def _judged_beside(
    desk: Desk, said: Sequence[StoredPredictions], one: StoredPredictions, space: Space, which: Labels
) -> Evaluation:
    classes = one.subject.taxonomy if space is Space.NATIVE else common_ground([s.subject.taxonomy for s in said])
    return _judged(one, classes, desk.labels(which), desk.dataset().patients)


def _of_cell(
    desk: Desk,
    said: Sequence[StoredPredictions],
    cell: Cell | None,
    order: Order,
    space: Space,
    split: Split,
    which: Labels,
    where: Sequence[Filter],
) -> Queue:
    """The images of a cell, most runs first; or of a class, the least likely to be of it first."""
    one = _of(said, cell.subject if cell else "")
    judged = _judged_beside(desk, said, one, space, which)
    if cell is not None and order is Order.CLASS:
        cell = Cell(cell.subject, cell.true)
    if cell is None or not cell.named:
        cell = (largest_wrong_cell if order is Order.CELL else largest_class)(judged, one.subject.subject_id)
    ranked = in_cell(one, judged, cell) if order is Order.CELL else of_class(one, judged, cell)
    what = f"{cell_words(cell)}, {one.who}"
    named = f"{_ABOUT[order]}: {what}", f"{_CHOSEN_BY[order]}: {what}"
    return _queue(ranked_queue(ranked), order, SPACES[space], split, where, named)


_ABOUT = {
    Order.WRONG: "Images that some chosen run gets wrong, most runs first",
    Order.LABEL_ERROR: "Images whose label is not the likeliest to some chosen run or series, least likely first",
    Order.MARGIN: "Images by how close the two likeliest classes are, closest first",
    Order.LOSS: "Images by the loss of their label, highest first",
    Order.DISAGREE: "Images on which the chosen runs disagree, most first",
    Order.CELL: "Images of one confusion cell, most runs first",
    Order.CLASS: "Images of one class, least likely first",
}

_CHOSEN_BY = {
    Order.WRONG: "wrong in some chosen run",
    Order.LABEL_ERROR: "likely label error",
    Order.MARGIN: "low margin",
    Order.LOSS: "high loss",
    Order.DISAGREE: "chosen runs disagree",
    Order.CELL: "one confusion cell",
    Order.CLASS: "one class",
}


def _queue(
    items: tuple[QueueItem, ...],
    order: Order,
    classes: str,
    split: Split,
    where: Sequence[Filter],
    named: tuple[str, str] | None = None,
) -> Queue:
    said, chosen = named or (_ABOUT[order], _CHOSEN_BY[order])
    folds = ", out of fold" if split is Split.TRAIN else ""
    about = f"{said} ({classes}, {_images(split, where)}{folds})"
    if folds:
        about += "; maps are the runs' own, which learned from these images"
    chosen_by = f"{chosen} ({classes.removesuffix(' ground')}, {_short(split, where)}{folds})"
    return Queue(items, about, one_line(chosen_by, TEXT_MAX // 2), _what_to_do(where))


def _what_to_do(where: Sequence[Filter]) -> str:
    return f"Take a filter away above. {_NOTHING_WAITS}" if where else _NOTHING_WAITS


def _images(split: Split, where: Sequence[Filter]) -> str:
    return f"{split} split{f' where {filters_text(where)}' if where else ''}"


def _short(split: Split, where: Sequence[Filter]) -> str:
    return one_line(f"{split}, {filters_text(where)}", TEXT_MAX // 2) if where else str(split)


def _drawn_where(where: Sequence[Filter], which: Labels) -> str:
    """What a random order is restricted to; corrected labels change with each decision, so that it is no draw."""
    moving = which is Labels.REVIEWED and any(one.column == LABEL for one in where)
    return one_line(f"{filters_text(where)}{' as reviewed by now' if moving else ''}", TEXT_MAX // 2)


def _judged(
    one: StoredPredictions, space: Taxonomy, labels: Mapping[str, Label], patients: Mapping[str, str]
) -> Evaluation:
    return evaluate(one.predictions, one.subject.taxonomy, space, labels, patients)
