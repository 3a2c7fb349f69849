"""Separability of class pairs: how well models separate two classes, and how far annotators agree about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.address.links import Cell, Shown
from dashboard.address.selection import Space
from dashboard.decisions.consensus import in_force
from dashboard.decisions.decision import Decision
from dashboard.evaluation.annotator_agreement import people_of
from dashboard.evaluation.comparison import Subject
from dashboard.evaluation.drafting import Preview
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.evaluation.evaluation import Evaluation, patient_codes, probabilities_in
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy, project
from model_zoo.core.suggestions.separability import (
    FAIR,
    PairAgreement,
    PairSeparability,
    pair_agreements,
    pair_separabilities,
)
from model_zoo.workspace.manifest import DataSet


@dataclass(frozen=True)
class SeparabilityResult:
    """Every pair of classes of ``taxonomy``, the least separable first, over validation.

    The separations of each pair are in the order of ``subjects``, the run groups that can be mapped to these classes.
    ``rater_agreements`` maps pairs of class indices to the agreement of annotators; ``n_rated_twice`` images were
    labelled by two or more people.
    """

    taxonomy: Taxonomy
    subjects: tuple[Subject, ...]
    evaluation: Evaluation
    pairs: tuple[PairSeparability, ...]
    rater_agreements: Mapping[tuple[int, int], PairAgreement]
    n_rated_twice: int

    def names(self, one: PairSeparability) -> tuple[str, str]:
        """The two classes."""
        a, b = one.pair
        return self.taxonomy.names[a], self.taxonomy.names[b]

    def images(self, one: PairSeparability) -> tuple[Shown, Cell]:
        """The images labelled as either, beside what the series that separates them best calls them.

        Named in that series' own classes: those that fall into either.
        """
        subject = self.subjects[one.best]
        falls = project(subject.taxonomy, self.taxonomy).index
        own = tuple(name for name, k in zip(subject.taxonomy.names, falls, strict=True) if k in one.pair)
        shown = Shown((subject.subject_id,), Space.NATIVE, Split.VALIDATION)
        return shown, Cell(subject.subject_id, true=own)

    @property
    def like_chance(self) -> tuple[PairSeparability, ...]:
        """The pairs that look as if no series separated them, and about which people are not known to agree.

        Their best AUC is below `FAIR`, and chance is not ruled out.
        """
        return tuple(
            one
            for one in self.pairs
            if one.measured and not one.separable and one.separations[one.best].auc < FAIR and not self._agreed(one)
        )

    def _agreed(self, one: PairSeparability) -> bool:
        agreement = self.rater_agreements.get(one.pair)
        return agreement is not None and agreement.beyond_chance


def class_separability(desk: Desk, taxonomy: Taxonomy, previews: Sequence[Preview]) -> SeparabilityResult | None:
    """Separability of every pair of classes, from run groups that refine ``taxonomy`` and from review decisions.

    ``previews`` are evaluations over validation, because test is reserved for comparisons. ``None`` if no run group can
    be mapped, or if there is only one class.
    """
    able = [one for one in previews if one.mapped is not None and len(one.mapped.truth) and _is_graded(one)]
    if not able or len(taxonomy.classes) < 2:
        return None
    answers = []
    for one in able:
        assert one.mapped is not None
        stored = [desk.predictions(run.run_id, Split.VALIDATION) for run in one.subject.runs]
        answers.append((one.mapped, list(probabilities_in(one.mapped, stored, one.subject.taxonomy))))
    found, n_twice = rater_agreements(desk.store.all(), taxonomy, desk.dataset())
    return SeparabilityResult(
        taxonomy, tuple(one.subject for one in able), answers[0][0], pair_separabilities(answers), found, n_twice
    )


def _is_graded(one: Preview) -> bool:
    """Whether its runs have probabilities: labels alone give no ROC curve."""
    return not any(run.card.labels_only for run in one.subject.runs)


def rater_agreements(
    decisions: Iterable[Decision], taxonomy: Taxonomy, dataset: DataSet
) -> tuple[Mapping[tuple[int, int], PairAgreement], int]:
    """Agreement of annotators per pair of classes, and the number of images labelled by two or more people."""
    about: dict[str, list[Decision]] = {}
    for decision in in_force(decisions):
        about.setdefault(decision.image_id, []).append(decision)
    judged = {image_id: people_of(history, taxonomy, dataset.space) for image_id, history in about.items()}
    twice = {image_id: one.disagreements for image_id, one in judged.items() if one.n_images}
    if not twice:
        return {}, 0
    return pair_agreements(np.stack(list(twice.values())), patient_codes(twice, dataset.patients)), len(twice)
