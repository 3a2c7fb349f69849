"""The result of a comparison: decision, interval, table, metrics and report."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_zoo.core.comparison.comparison import Rule
from model_zoo.core.comparison.outcomes import Outcome, Question
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy
from model_zoo.core.evaluation.hierarchy import Hierarchy, hierarchical, longest_chain
from model_zoo.core.evaluation.metrics import ClassFigure
from model_zoo.core.evaluation.undecided import accuracy_decided, has_undecided, share_undecided
from taxoscope.models import Data

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.evaluation.comparison import Comparison
    from dashboard.evaluation.verdict import Judgement
    from dashboard.server_state.open_workspace import Desk
    from model_zoo.core.comparison.comparison import Verdict


@dataclass(frozen=True, eq=False)
class Result:
    """Every model against the first one, the baseline, on the finest classes that all of them distinguish.

    `verdict`, `difference`, `ci` and `question` are of the second model against the first; of more models,
    ``result["name"]`` is the result of one of them. ``data`` holds what was compared in memory, ``desk`` the workspace
    that the compared runs lie in.
    """

    comparison: "Comparison"
    rule: Rule
    data: Data | None = None
    desk: "Desk | None" = None

    @cached_property
    def judgements(self) -> tuple["Judgement", ...]:
        """One for each model but the baseline."""
        from dashboard.evaluation.verdict import judgements, why_none

        if sentence := why_none(self.comparison):
            raise RunError(sentence)
        return judgements(self.comparison, self.rule)

    @property
    def verdict(self) -> Outcome:
        """The decision, a `str` such as "inconclusive" or "better by more than the margin"."""
        return self._decided.outcome

    @property
    def difference(self) -> float:
        """The metric of the model less that of the baseline, in [-1, 1]."""
        return self._decided.difference.value

    @property
    def ci(self) -> tuple[float, float]:
        """The 95 % confidence interval of `difference`; NaN where there are too few groups or seeds."""
        return self._decided.difference.low, self._decided.difference.high

    @property
    def question(self) -> Question:
        """What the decision is about: "training" with three seeds a side or more, else "checkpoint"."""
        return self._decided.question

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed of the input, in sentences."""
        return self.data.notes if self.data else ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The shared classes in which all models were evaluated."""
        return self.comparison.ground.names

    def __getitem__(self, name: str) -> "Result":
        """The result of one model against the baseline."""
        for subject in self.comparison.subjects[1:]:
            if name in (subject.subject_id, subject.title):
                kept = [0, self.comparison.subjects.index(subject)]
                only = replace(
                    self.comparison,
                    subjects=tuple(self.comparison.subjects[k] for k in kept),
                    evaluations=tuple(self.comparison.evaluations[k] for k in kept),
                    partly=tuple((self.comparison.partly or (None,) * (1 + max(kept)))[k] for k in kept),
                )
                return replace(self, comparison=only)
        listed = ", ".join(repr(subject.subject_id) for subject in self.comparison.subjects[1:])
        raise RunError(f"No model {name!r} was compared with the baseline; it can be {listed}.")

    def table(self) -> "pd.DataFrame":
        """One row for each model: its metric, and its difference to the baseline with interval and decision."""
        import pandas as pd

        rows = []
        for k, (subject, evaluation) in enumerate(
            zip(self.comparison.subjects, self.comparison.evaluations, strict=True)
        ):
            share = accuracy(evaluation).share
            row: dict[str, Any] = {
                "model": subject.title,
                "accuracy": share.value,
                "accuracy_low": share.low,
                "accuracy_high": share.high,
            }
            decided = self._verdict(self.judgements[k - 1]) if k else None
            row |= {
                "metric": str(self.rule.figure),
                "value": (decided.a if decided else self._verdict(self.judgements[0]).b),
                "difference": decided.difference.value if decided else math.nan,
                "difference_low": decided.difference.low if decided else math.nan,
                "difference_high": decided.difference.high if decided else math.nan,
                "verdict": str(decided.outcome) if decided else "baseline",
                "undecided": share_undecided(evaluation).mean,
                "accuracy_decided": accuracy_decided(evaluation).mean,
                **self._hierarchical(evaluation),
                "n_images": len(evaluation.truth),
                "n_groups": evaluation.n_patients,
                "n_seeds": len(subject.runs),
            }
            rows.append(row)
        return pd.DataFrame(rows).set_index("model")

    def _hierarchical(self, evaluation: Evaluation) -> dict[str, float]:
        """Hierarchical precision, recall and F1 where taxonomies form a chain above the shared classes, else NaN."""
        taxonomies = self.data.taxonomies if self.data else self.desk.workspace.taxonomies() if self.desk else {}
        chain = longest_chain(list(taxonomies.values()), first=evaluation.taxonomy)
        return {
            f"hierarchical_{str(one).lower()}": hierarchical(evaluation, Hierarchy(chain), one).mean
            if len(chain) > 1
            else math.nan
            for one in (ClassFigure.PRECISION, ClassFigure.RECALL, ClassFigure.F1)
        }

    def metrics(self) -> dict[str, float]:
        """Plain numbers for MLflow, W&B and the like: each with its interval as ``_low`` and ``_high``."""
        found: dict[str, float] = {}

        def add(name: str, value: float, low: float, high: float) -> None:
            found.update({name: value, f"{name}_low": low, f"{name}_high": high})

        for subject, evaluation in zip(self.comparison.subjects, self.comparison.evaluations, strict=True):
            figures = {"accuracy": accuracy(evaluation)}
            if has_undecided(evaluation):
                figures |= {"undecided": share_undecided(evaluation), "accuracy_decided": accuracy_decided(evaluation)}
            for name, figure in figures.items():
                add(f"{subject.title}/{name}", figure.mean, figure.share.low, figure.share.high)
        for judgement in self.judgements:
            decided = self._verdict(judgement).difference
            name = f"{judgement.subject.title}_vs_{judgement.reference.title}/{_key(str(self.rule.figure))}_difference"
            add(name, decided.value, decided.low, decided.high)
        return {name: float(value) for name, value in found.items() if not math.isnan(value)}

    def report(self, path: str | Path) -> tuple[Path, ...]:
        """Write the product's report to ``path`` (``.html``) and its numbers beside it; the files written."""
        from taxoscope.reporting import write

        return write(self, Path(path))

    def sentences(self) -> tuple[str, ...]:
        """The basis, each result as pages and reports write it, and what was assumed."""
        from dashboard.compare.verdict_words import accuracy_sentence, verdict_sentence
        from dashboard.evaluation.undecided_words import undecided_note

        judged = self.comparison
        said = [f"{judged.basis(judged.evaluations[0])}."]
        for one in self.judgements:
            decided = self._verdict(one)
            said.append(f"{verdict_sentence(one, decided, judged.where)} {accuracy_sentence(one, decided)}")
        undecided = zip(judged.subjects, map(undecided_note, judged.evaluations), strict=True)
        return (*said, *(f"{subject.title}: {note}" for subject, note in undecided if note), *self.notes)

    def __repr__(self) -> str:
        return "\n".join(self.sentences())

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        basis, *others = self.sentences()
        said = "".join(f"<p>{escape(one)}</p>" for one in others)
        return f"<div><p><b>{escape(basis)}</b></p>{self.table().to_html(float_format='{:.4f}'.format)}{said}</div>"

    @property
    def _decided(self) -> "Verdict":
        if len(self.judgements) > 1:
            listed = ", ".join(f"result[{one.subject.title!r}]" for one in self.judgements)
            raise RunError(f"{len(self.judgements)} models were compared with the baseline; ask for one: {listed}.")
        return self._verdict(self.judgements[0])

    def _verdict(self, judgement: "Judgement") -> "Verdict":
        from dashboard.evaluation.verdict import question_of

        verdicts: Mapping[Any, Verdict] = judgement.verdicts
        return verdicts[question_of(judgement), self.rule.figure]


def _key(name: str) -> str:
    return name.replace(" ", "_").replace("-", "_")
