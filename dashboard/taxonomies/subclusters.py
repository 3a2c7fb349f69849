"""Split suggestions: classes whose images form two clusters in the embeddings of a run trained on them."""

from dataclasses import dataclass

from dashboard.evaluation.comparison import Subject, series_subject
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import RunError, TaxoScopeError
from model_zoo.core.evaluation.evaluation import Evaluation, evaluate
from model_zoo.core.label_space.edits import SplitOff
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.suggestions.subclusters import Subclusters, find_subclusters
from model_zoo.inference.embedding_files import embeddings_path, read_embeddings
from model_zoo.workspace.command_line import command
from model_zoo.workspace.run import Run


@dataclass(frozen=True)
class EmbeddedRun:
    """The run whose embeddings are clustered within each class.

    ``stamp`` changes with the embedding file; it is empty if there is none, and ``command`` computes it.
    """

    subject: Subject
    run: Run
    stamp: str
    command: str


@dataclass(frozen=True)
class SubclusterResult:
    """Two clusters for every class that is large enough, from ``run``'s embeddings of validation images.

    ``evaluation`` is in the run's original classes; it is ``None`` if ``problem`` says why there is no result.
    """

    run: Run
    evaluation: Evaluation | None
    subclusters: tuple[Subclusters, ...] = ()
    problem: str = ""

    @property
    def candidates(self) -> tuple[Subclusters, ...]:
        """The classes that may be two."""
        return tuple(one for one in self.subclusters if one.candidate)

    def name(self, one: Subclusters) -> str:
        """The class."""
        return self.run.card.taxonomy.names[one.clusters.index]

    def images(self, one: Subclusters, second: bool) -> tuple[str, ...]:
        """The ids of a cluster's images, the clearest first."""
        assert self.evaluation is not None
        clusters = one.clusters
        inside = [k for k in range(len(clusters.rows)) if bool(clusters.second[k]) is second]
        inside.sort(key=lambda k: -clusters.depth[k])
        return tuple(self.evaluation.image_ids[clusters.rows[k]] for k in inside)

    def step(self, one: Subclusters, taxonomy: Taxonomy) -> SplitOff | None:
        """The edit of ``taxonomy`` that splits the class by its clusters' meaning, where they have one."""
        if one.meaning is None:
            return None
        leaves = self.run.card.taxonomy.classes[self.name(one)]
        name = next(name for name, held in taxonomy.classes.items() if held == leaves)
        return SplitOff(name, one.meaning.leaves, f"{name} {one.meaning.value}")


def find_embedded_run(desk: Desk, taxonomy: Taxonomy) -> EmbeddedRun | None:
    """A run trained on exactly these classes: the first with embeddings, otherwise the first that can be embedded.

    A run trained on finer classes would only return those. ``None`` if no such run has weights.
    """
    found = []
    for series in desk.series():
        trained = series.card.taxonomy
        if (set(trained.classes.values()), trained.outside) == (set(taxonomy.classes.values()), taxonomy.outside):
            found += [_embedded(desk, series_subject(series), run) for run in series.runs if run.weights_path]
    return next((one for one in found if one.stamp), found[0] if found else None)


def subclusters_of_run(desk: Desk, embedded: EmbeddedRun) -> SubclusterResult:
    """Two clusters per class of the run's taxonomy, over validation images with original labels."""
    run, dataset, taxonomy = embedded.run, desk.dataset(), embedded.run.card.taxonomy
    try:
        path = embeddings_path(desk.workspace.folders, run, Split.VALIDATION)
        if path is None:
            raise RunError(f"Run {run.run_id!r} has no embeddings; make them with `{embedded.command}`.")
        made = read_embeddings(path, run, dataset, Split.VALIDATION)
        stored = desk.predictions(run.run_id, Split.VALIDATION)
        evaluation = evaluate([stored], taxonomy, taxonomy, dataset.labels, dataset.patients)
        labels = [dataset.labels[image_id] for image_id in evaluation.image_ids]
        found = find_subclusters(made.of(evaluation.image_ids), evaluation, labels, dataset.space)
    except TaxoScopeError as error:
        return SubclusterResult(run, None, problem=str(error))
    return SubclusterResult(run, evaluation, found)


def _embedded(desk: Desk, subject: Subject, run: Run) -> EmbeddedRun:
    path = embeddings_path(desk.workspace.folders, run, Split.VALIDATION)
    stamp = f"{path} {path.stat().st_mtime_ns}" if path else ""
    return EmbeddedRun(subject, run, stamp, command("embed", run.run_id, folders=desk.workspace.folders))
