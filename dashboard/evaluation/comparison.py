"""Runs and run groups side by side, in their original classes or in the shared classes."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from dashboard.address.fields import Query
from dashboard.address.links import Filter, images_words
from dashboard.address.selection import Labels, Space
from dashboard.evaluation.patient_notes import patients_text
from dashboard.words import LABELS, counted, one_of
from model_zoo.core.comparison.missing_predictions import evaluate_with_missing
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import MappedBy
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground, project
from model_zoo.workspace.run import Run, Series

SEEDS = " · "
"""Between the name of a series and how many seeds it has, in its title."""


@dataclass(frozen=True)
class Subject:
    """What is judged: one run, or a series as one way of training."""

    subject_id: str
    title: str
    runs: tuple[Run, ...]

    @property
    def taxonomy(self) -> Taxonomy:
        """The label space it was trained in."""
        return self.runs[0].card.taxonomy


@dataclass(frozen=True)
class Comparison:
    """Subjects judged in one split: each natively, or all on their common ground.

    ``ground`` is the finest taxonomy that all subjects project onto; ``evaluations`` stand in
    the order of ``subjects``, over the images that all runs of one predicted; ``partly`` those that some of its runs
    did, None where there are none.
    ``patients`` maps image ids to patients, ``alike`` images that look alike to a group.
    """

    subjects: tuple[Subject, ...]
    space: Space
    split: Split
    labels: Labels
    ground: Taxonomy
    evaluations: tuple[Evaluation, ...]
    where: Filter | None = None
    partly: tuple[Evaluation | None, ...] = ()
    patients: Mapping[str, str] = field(default_factory=dict, repr=False)
    alike: Mapping[str, int] = field(default_factory=dict, repr=False)

    @property
    def mixes_label_spaces(self) -> bool:
        """Whether the subjects were trained on different classes."""
        return mix_label_spaces(self.subjects)

    @property
    def same_images(self) -> bool:
        """Whether all subjects are judged over the same images."""
        return len({evaluation.image_ids for evaluation in self.evaluations}) == 1

    @property
    def one_space(self) -> bool:
        """Whether all subjects are judged in the same classes."""
        return self.space is Space.COMMON or not self.mixes_label_spaces

    @property
    def one_basis(self) -> bool:
        """Whether one basis is that of all: the same classes over the same images."""
        return self.one_space and self.same_images

    def basis(self, evaluation: Evaluation) -> str:
        """What a figure stands on: label space, split, what restricts it, labels, images and patients."""
        common = self.mixes_label_spaces and self.space is Space.COMMON
        return (
            f"{label_space_name(evaluation.taxonomy, common)}; {images_words(self.split, self.where)}, "
            f"{LABELS[self.labels]}, {self.images_of_patients(evaluation)}"
        )

    def images_of_patients(self, evaluation: Evaluation) -> str:
        """How many images of how many patients, and what makes an interval over them too narrow."""
        return patients_text(evaluation.image_ids, evaluation.n_patients, self.patients, self.alike)

    def of(self, subject_id: str) -> tuple[Subject, Evaluation]:
        """One subject with its evaluation; `LinkError` if it takes no part."""
        for subject, evaluation in zip(self.subjects, self.evaluations, strict=True):
            if subject.subject_id == subject_id:
                return subject, evaluation
        raise LinkError(f"{subject_id[:100]!r} is not among the compared runs; choose it in Compare.")

    def dropped(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Subject title -> common class -> the subject's classes that it no longer distinguishes."""
        kept = {subject.title: project(subject.taxonomy, self.ground).merged() for subject in self.subjects}
        return {title: merged for title, merged in kept.items() if merged}


def mix_label_spaces(subjects: Sequence[Subject]) -> bool:
    """Whether ``subjects`` were trained on different classes."""
    return len({subject.taxonomy.hash for subject in subjects}) > 1


def label_space_name(taxonomy: Taxonomy, common: bool) -> str:
    """A label space in words, with its number of classes."""
    name, n_classes = taxonomy.reference, len(taxonomy.classes)
    if not common:
        return f"Classes of {name} ({n_classes})"
    return f"Common ground ({name.removeprefix('common ground of ')}, {counted(n_classes, 'class', 'classes')})"


def series_subject(series: Series) -> Subject:
    """A series as a subject (one run is a series of one)."""
    stems = {run.run_id.removesuffix(f"-s{run.card.seed}") for run in series.runs}
    name = stems.pop() if len(stems) == 1 else series.card.taxonomy.reference
    return Subject(series.series_id, f"{name}{SEEDS}{counted(len(series.runs), 'seed')}", series.runs)


def run_subject(run: Run) -> Subject:
    """A single run as a subject."""
    return Subject(run.run_id, run.run_id, (run,))


def all_subjects(series: Sequence[Series]) -> Mapping[str, Subject]:
    """Subject id -> subject: every series, then every run."""
    subjects = [series_subject(one) for one in series]
    titles = [subject.title for subject in subjects]
    subjects = [
        Subject(s.subject_id, f"{s.title} ({s.subject_id[-8:]})", s.runs) if titles.count(s.title) > 1 else s
        for s in subjects
    ]
    subjects += [run_subject(run) for one in series for run in one.runs]
    return {subject.subject_id: subject for subject in subjects}


def distinct(subjects: Sequence[Subject]) -> tuple[Subject, ...]:
    """``subjects`` without those whose runs an earlier one is made of: a series of one run is that run."""
    by_runs: dict[tuple[str, ...], Subject] = {}
    for one in subjects:
        by_runs.setdefault(tuple(run.run_id for run in one.runs), one)
    return tuple(by_runs.values())


def find_subjects(series: Sequence[Series], subject_ids: Sequence[str]) -> tuple[Subject, ...]:
    """The named runs and series; `LinkError` names the first that is not there."""
    known = all_subjects(series)
    for subject_id in subject_ids:
        if subject_id not in known:
            listed = ", ".join(f"{known[one.series_id].title} ({one.series_id})" for one in series) or "none yet"
            raise LinkError(f"There is no run or series {subject_id[:100]!r} here; the series are {listed}.")
    return tuple(known[subject_id] for subject_id in dict.fromkeys(subject_ids))


def named_subjects(series: Sequence[Series], names: Sequence[str]) -> tuple[Subject, ...]:
    """The subjects that ``names`` mean, as `subject_id_of` reads them; else `LinkError`."""
    return find_subjects(series, [subject_id_of(series, name) for name in names])


def subject_id_of(series: Sequence[Series], name: str) -> str:
    """The id of the one subject that ``name`` means, as a page writes it or shorter; ``name`` itself for none.

    A name may be an id, a title, what stands before the seeds in one title alone, or a taxonomy with one series.
    `LinkError` where it means several.
    """
    known, of_series = all_subjects(series), {one.series_id: one for one in series}
    called = [one for one in known if name in (one, known[one].title)]
    called = called or [one for one in of_series if known[one].title.split(SEEDS)[0] == name]
    called = called or [one for one, of in of_series.items() if of.card.taxonomy.name == name]
    if len(called) > 1:
        listed = one_of([f"{known[one].title} ({one})" for one in called])
        raise LinkError(f"{name[:100]!r} could be {listed}; give the id that stands in brackets.")
    return called[0] if called else name


def with_subject_ids(series: Sequence[Series], query: Query) -> Query:
    """The parameters of an address with ids for the subjects, which it may name as the command does."""
    named = {name: query[name] for name in ("of", "cell") if name in query}
    return {**query, **{name: tuple(subject_id_of(series, one) for one in some) for name, some in named.items()}}


def compare(
    subjects: tuple[Subject, ...],
    space: Space,
    split: Split,
    which: Labels,
    labels: Mapping[str, Label],
    patients: Mapping[str, str],
    *,
    where: Filter | None = None,
    only: Set[str] | None = None,
    mapped_by: MappedBy = MappedBy.ANSWER,
    alike: Mapping[str, int] | None = None,
    read: Callable[[Run, Split], Predictions] = Run.predictions,
) -> Comparison:
    """Judge every subject over the stored predictions of ``split``, restricted to the images ``only`` if given.

    ``which`` names what the ``labels`` (image id -> label) are, ``where`` what ``only`` are; ``read`` gives a run's
    predictions. ``alike`` numbers groups of images that look alike.
    """
    ground = common_ground([subject.taxonomy for subject in subjects])
    judged = [
        evaluate_with_missing(
            [said if only is None else said.only(only) for said in (read(run, split) for run in subject.runs)],
            subject.taxonomy,
            ground if space is Space.COMMON else subject.taxonomy,
            labels,
            patients,
            mapped_by,
        )
        for subject in subjects
    ]
    evaluations, partly = zip(*judged, strict=True)
    return Comparison(subjects, space, split, which, ground, evaluations, where, partly, patients, alike or {})
