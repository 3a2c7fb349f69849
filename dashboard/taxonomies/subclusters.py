"""What to split: classes whose images a run trained on them sees as two clusters."""

from dataclasses import dataclass

from dashboard.evaluation.comparison import Subject, series_subject
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import RunError, TaxoScopeError
from model_zoo.core.evaluation.evaluation import Evaluation, evaluate
from model_zoo.core.label_space.edits import SplitOff
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.suggestions.subclusters import Division, divisions
from model_zoo.inference.embedding_files import embeddings_path, read_embeddings
from model_zoo.workspace.command_line import command
from model_zoo.workspace.run import Run


@dataclass(frozen=True)
class EmbeddedRun:
    """The run whose embeddings tell what to split in the classes that it was trained on.

    ``stamp`` changes with the file of its embeddings; it is empty where nobody made any, and ``command`` makes them.
    """

    subject: Subject
    run: Run
    stamp: str
    command: str


@dataclass(frozen=True)
class SubclusterResult:
    """Every class large enough, in two clusters, as ``run`` sees the images of validation.

    ``evaluation`` judges them in the run's own classes; it is ``None`` where ``problem`` says what is in the way.
    """

    run: Run
    evaluation: Evaluation | None
    divisions: tuple[Division, ...] = ()
    problem: str = ""

    @property
    def candidates(self) -> tuple[Division, ...]:
        """The classes that may be two."""
        return tuple(one for one in self.divisions if one.candidate)

    def name(self, one: Division) -> str:
        """The class."""
        return self.run.card.taxonomy.names[one.clusters.index]

    def images(self, one: Division, second: bool) -> tuple[str, ...]:
        """The ids of a cluster's images, the clearest first."""
        assert self.evaluation is not None
        clusters = one.clusters
        inside = [k for k in range(len(clusters.rows)) if bool(clusters.second[k]) is second]
        inside.sort(key=lambda k: -clusters.depth[k])
        return tuple(self.evaluation.image_ids[clusters.rows[k]] for k in inside)

    def step(self, one: Division, taxonomy: Taxonomy) -> SplitOff | None:
        """The edit of ``taxonomy`` that splits the class by its clusters' meaning, where they have one."""
        if one.meaning is None:
            return None
        leaves = self.run.card.taxonomy.classes[self.name(one)]
        name = next(name for name, held in taxonomy.classes.items() if held == leaves)
        return SplitOff(name, one.meaning.leaves, f"{name} {one.meaning.value}")


def find_embedded_run(desk: Desk, taxonomy: Taxonomy) -> EmbeddedRun | None:
    """A run trained on exactly these classes: the first that was embedded, else the first that can be.

    A run trained on finer classes was told of them and would find them again. ``None`` where there is no such run
    with weights.
    """
    found = []
    for series in desk.series():
        trained = series.card.taxonomy
        if (set(trained.classes.values()), trained.outside) == (set(taxonomy.classes.values()), taxonomy.outside):
            found += [_embedded(desk, series_subject(series), run) for run in series.runs if run.weights_path]
    return next((one for one in found if one.stamp), found[0] if found else None)


def find_subclusters(desk: Desk, embedded: EmbeddedRun) -> SubclusterResult:
    """Every class of the run's taxonomy in two clusters, over validation and original labels: test is for verdicts."""
    run, dataset, taxonomy = embedded.run, desk.dataset(), embedded.run.card.taxonomy
    try:
        path = embeddings_path(desk.workspace.folders, run, Split.VALIDATION)
        if path is None:
            raise RunError(f"Run {run.run_id!r} has no embeddings; make them with `{embedded.command}`.")
        made = read_embeddings(path, run, dataset, Split.VALIDATION)
        stored = desk.predictions(run.run_id, Split.VALIDATION)
        evaluation = evaluate([stored], taxonomy, taxonomy, dataset.labels, dataset.patients)
        labels = [dataset.labels[image_id] for image_id in evaluation.image_ids]
        found = divisions(made.of(evaluation.image_ids), evaluation, labels, dataset.space)
    except TaxoScopeError as error:
        return SubclusterResult(run, None, problem=str(error))
    return SubclusterResult(run, evaluation, found)


def _embedded(desk: Desk, subject: Subject, run: Run) -> EmbeddedRun:
    path = embeddings_path(desk.workspace.folders, run, Split.VALIDATION)
    stamp = f"{path} {path.stat().st_mtime_ns}" if path else ""
    return EmbeddedRun(subject, run, stamp, command("embed", run.run_id, folders=desk.workspace.folders))
