"""Import predictions that were made elsewhere: say what was taken for what, judge them, write them as a run."""

from pathlib import Path

from rich.console import Console

from dashboard.actions.import_run import say_accuracy
from dashboard.actions.verified import check_free
from model_zoo.core.choices import Split
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation import evaluate
from model_zoo.core.taxonomy import Taxonomy
from model_zoo.prediction_files import read_answers
from model_zoo.predictions_import import card_of, matched
from model_zoo.run import Run, write_run
from model_zoo.workspace import Workspace


def import_predictions(
    workspace: Workspace,
    path: Path,
    run_id: str,
    taxonomy: Taxonomy,
    order: tuple[str, ...],
    split: Split | None,
    licence: str,
    console: Console,
) -> Run:
    """Write the answers in a file as a run without a model, whole or not at all; every figure is printed.

    ``order`` names the classes of ``taxonomy`` in the order of unnamed columns and of numbers.
    """
    check_free(workspace, run_id)
    dataset = workspace.dataset()
    if dataset.counts_alone:
        raise RunError(
            f"{workspace.writable} holds the counts of a confusion table: nothing says which of them is about which "
            "image, so no other answers can be set against them."
        )
    answers = read_answers(path, order).in_order_of(taxonomy.names)
    found = matched(answers, taxonomy, dataset, split)
    for sentence in found.told:
        console.print(sentence, soft_wrap=True)
    card = card_of(run_id, answers, taxonomy, dataset, licence)
    console.print(f"Classes in order: {', '.join(order)}. Answers: {card.recipe['predictions']}.", soft_wrap=True)
    judged = {
        one: evaluate([said], taxonomy, taxonomy, dataset.labels, dataset.patients)
        for one, said in found.predictions.items()
    }
    judged_on = next((one for one, evaluation in judged.items() if len(evaluation.truth)), next(iter(judged)))
    say_accuracy(judged[judged_on], judged_on, taxonomy, order, console)
    run = write_run(card, workspace.writable / "runs", b"", (), found.predictions)
    console.print(
        f"{run.run_id}: written to {run.folder}. It has no model: no maps, no embeddings, no new images; all else "
        "works.",
        soft_wrap=True,
    )
    return run
