"""Recognises the columns of predictions in a file, by name or by content."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import product
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RunError
from model_zoo.importing.class_values import readings
from model_zoo.importing.source import shown
from model_zoo.importing.tables import LABEL, PATIENT, SPLIT
from model_zoo.importing.text_encoding import nfc

PREDICTED = frozenset(
    {
        *("pred", "preds", "predicted", "prediction", "predictions", "predict", "predicts", "hat", "yhat", "argmax"),
        *("top", "top1", "output", "outputs", "model", "answer", "answers", "response", "inferred", "inference"),
        *("p", "prob", "probs", "proba", "probas", "probability", "probabilities", "softmax"),
    }
)
"""Words in the name of a column of predictions."""

TRUE = frozenset(
    {
        *("true", "truth", "gt", "target", "targets", "actual", "gold", "golden", "reference", "ground", "expert"),
        *("given", "original", "onehot"),
    }
)
"""Words in the name of a column of true classes."""

EXPECTED = frozenset({*LABEL, "labels", "classes"})
"""Names of true classes beside predictions; alone in a file, such a column holds the predictions."""

SCORE = frozenset({"score", "scores", "confidence", "confidences", "entropy", "certainty", "uncertainty", "margin"})
"""Words in the name of a column that says how sure a class is, also beside words for labels or predictions."""

OTHER = SCORE | {"index", "fold", "seed", "epoch", "age", "correct"}
"""Words in the name of a column that holds no classes, whatever its values are."""

MADE_WITH = frozenset({"version", "versions", "name", "id", "type", "hash", "arch", "file", "path", "date", "run"})
"""Beside the word "model": the column says which model it was, and holds no classes."""


class Role(StrEnum):
    """What the name of a column says that it holds."""

    PREDICTED = "predicted"
    TRUE = "true"
    UNCLEAR = "unclear"
    NEITHER = "neither"


@dataclass(frozen=True)
class PredictionColumn:
    """A column of classes, or a set of K columns of numbers.

    ``name`` is that of the column or array, or a pattern such as ``prob_*`` of a set. ``texts`` (N,) are the values of
    a column. ``columns`` (K,) name the columns of a set in the file's order, () where nothing names them; ``read``
    gives their numbers (N, K).
    """

    name: str
    texts: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    read: Callable[[], NDArray[np.float64]] | None = field(default=None, compare=False)

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The numbers of a set of columns, (N, K)."""
        assert self.read is not None
        return self.read()

    @property
    def n_images(self) -> int:
        """N."""
        return len(self.numbers) if self.read else len(self.texts)

    @property
    def role(self) -> Role:
        """What its name says; a set of zeros and ones without a word for predictions is unclear."""
        words = words_of(self.name)
        if not self.read and words & SCORE:
            return Role.NEITHER
        if "model" in words and words & MADE_WITH and not words & PREDICTED - {"model"}:
            return Role.NEITHER
        if words & TRUE:
            return Role.UNCLEAR if words & PREDICTED else Role.TRUE
        if words & PREDICTED:
            return Role.PREDICTED
        if not self.read and (words & OTHER or self.name.casefold() in {*PATIENT, *SPLIT}):
            return Role.NEITHER
        return Role.PREDICTED if self.read and not np.isin(self.numbers, (0, 1)).all() else Role.UNCLEAR

    def fits(self, classes: Sequence[str]) -> bool:
        """Whether its values are all classes, or its columns stand for all classes and every row sums to 1."""
        return bool(self.read_as(classes)) and (not self.read or _sum_to_1(self))

    def resembles(self, classes: Sequence[str]) -> bool:
        """Whether it would hold classes but for gaps, or most of its values are their names in whatever case."""
        said = [text for text in self.texts if text.strip()]
        known = {nfc(name).casefold() for name in classes}
        n_named = sum(nfc(text.strip()).casefold() in known for text in said)
        return bool(said) and (bool(readings(said, classes)) or 2 * n_named > len(said))

    def says_the_same(self, other: "PredictionColumn", classes: Sequence[str]) -> bool:
        """Whether both give every image the same class in some reading, ties of probabilities left out."""
        for one, two in product(self.read_as(classes), other.read_as(classes)):
            if len(one) == len(two) and ((one == two) | (one < 0) | (two < 0)).all():
                return True
        return False

    def read_as(self, classes: Sequence[str]) -> list[NDArray[np.int64]]:
        """The class index of every row (N,), -1 where several have the highest probability; for each way to read it."""
        if not self.read:
            ways = readings(self.texts, classes)
            return [np.array([one.index_of[text] for text in self.texts], dtype=np.int64) for one in ways]
        if self.numbers.shape[1:] != (len(classes),):
            return []
        highest = self.numbers.max(axis=1, keepdims=True)
        best = np.where((self.numbers == highest).sum(axis=1) > 1, -1, self.numbers.argmax(axis=1))
        if not self.columns:
            return [best]
        orders = [[one.index_of[text] for text in self.columns] for one in readings(self.columns, classes)]
        return [np.array([*order, -1], dtype=np.int64)[best] for order in orders]


def words_of(name: str) -> frozenset[str]:
    """The words of a column's name in lower case: ``{'y', 'hat'}`` of ``y_hat``, ``{'model', 'output'}`` of
    ``modelOutput``.
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return frozenset(re.findall(r"[^\W_]+", parted.casefold()))


def chosen_column(
    candidates: Sequence[PredictionColumn], wanted: str, classes: Sequence[str], title: str
) -> tuple[PredictionColumn, str]:
    """The candidate that holds the predictions, and a sentence that says why; None is guessed among several.

    ``wanted`` names it, else it is the only one called so, else the only one whose values are all classes.
    `RunError` where there is none, or where others that may be it say something else.
    """
    if wanted:
        found = _named(candidates, wanted, title)
        return found, f"Predictions: {_what(found)}, as you said."
    usable = [one for one in candidates if one.role is not Role.NEITHER]
    called = [one for one in usable if one.role is Role.PREDICTED]
    fitting = [one for one in called if one.fits(classes)] or called[:1]
    unclear = [one for one in usable if one.role is Role.UNCLEAR]
    if fitting:
        unclear = [one for one in unclear if one.fits(classes) and _is_rival(one)]
    else:
        fitting = [one for one in unclear if one.fits(classes)][:1]
        unclear = [one for one in unclear if one not in fitting and (one.fits(classes) or one.resembles(classes))]
    if not fitting:
        listed = ", ".join(shown(one.name, 30) for one in candidates[:10])
        raise RunError(
            f"{title} has no column of probabilities for each class ({', '.join(map(shown, classes[:5]))}...) and none "
            f"of labels that is called so; it has {listed}: name the one that holds the predictions with "
            "--prediction-column."
        )
    found = next((one for one in fitting if one.read), fitting[0])
    others = [one for one in (*fitting, *unclear) if one is not found and not found.says_the_same(one, classes)]
    if others:
        other = others[0]
        raise RunError(
            f"{title}: {_what(found)} and {_what(other)} can both be the predictions, and they differ; say which with "
            f"--prediction-column {quote(found.name)} or --prediction-column {quote(other.name)}."
        )
    how = "by its name" if found.role is Role.PREDICTED else "the only one whose values are classes"
    return found, f"Predictions: {_what(found)}, {how}; --prediction-column names another."


def table_candidates(
    names: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str]
) -> list[PredictionColumn]:
    """Sets of columns named after all classes, or after all indices, with one text before or after; then each column.

    A set named after indices holds probabilities: every row sums to 1.
    """
    names, classes = [nfc(name) for name in names], [nfc(name) for name in classes]
    at = {name: k for k, name in enumerate(names)}
    count = len(classes)
    sets: dict[tuple[str, ...], PredictionColumn] = {}
    for texts in (tuple(classes), tuple(map(str, range(count))), tuple(str(k + 1) for k in range(count))):
        for before, after in _around(texts[0], names):
            written = [f"{before}{text}{after}" for text in texts]
            places = [at[one] for one in written if one in at]
            key = tuple(sorted(written))
            if len(places) < count or key in sets:
                continue
            one = PredictionColumn(f"{before}*{after}", (), texts, _numbers_at(places, rows))
            if texts == tuple(classes) or _sum_to_1(one):
                sets[key] = one
    in_sets = {name for key in sets for name in key}
    columns = [
        PredictionColumn(name, tuple(row[k] for row in rows)) for k, name in enumerate(names) if name not in in_sets
    ]
    return [*sets.values(), *columns]


def _around(text: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """What stands before and after ``text`` in each name that holds it; nothing around it comes first."""
    found = [
        (name[: match.start()], name[match.end() :]) for name in names for match in re.finditer(re.escape(text), name)
    ]
    return sorted(dict.fromkeys(found), key=lambda pair: len(pair[0]) + len(pair[1]))


def _numbers_at(places: Sequence[int], rows: Sequence[Sequence[str]]) -> Callable[[], NDArray[np.float64]]:
    def read() -> NDArray[np.float64]:
        try:
            return np.array([[float(row[k]) for k in places] for row in rows], dtype=np.float64)
        except ValueError as error:
            raise RunError(f"A column of probabilities holds what is no number ({error}); correct it.") from error

    return read


def _sum_to_1(one: PredictionColumn) -> bool:
    try:
        return one.numbers.ndim == 2 and bool((abs(one.numbers.sum(axis=1) - 1) <= 0.02).all())
    except RunError:
        return False


def _is_rival(one: PredictionColumn) -> bool:
    """Whether a column without a telling name may hold the predictions although another is called so."""
    numbers = all(re.fullmatch(r"[0-9.]+", text) for text in one.texts)
    return one.name.casefold() not in EXPECTED and not numbers and not one.read


def _named(candidates: Sequence[PredictionColumn], wanted: str, title: str) -> PredictionColumn:
    for same in (str, str.casefold):
        if found := [one for one in candidates if same(one.name) in (same(wanted), same(nfc(wanted)))]:
            return found[0]
    listed = ", ".join(shown(one.name, 30) for one in candidates[:20])
    raise RunError(f"{title} has no column {shown(wanted)}; --prediction-column can name {listed}.")


def _what(one: PredictionColumn) -> str:
    return f"columns {shown(one.name)}" if one.columns else f"column {shown(one.name)}"
