"""Command that imports predictions: show how they were read, evaluate them, write them as a run."""

from pathlib import Path

from rich.console import Console

from dashboard.importing.checkpoint_command import print_accuracy
from dashboard.importing.checks import check_run_id_free, classes_text, ties_words, undecided_words
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import evaluate
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.importing.class_values import ClassValues, InnerNodes, read_classes, readings
from model_zoo.importing.prediction_files import ImportedPredictions, read_predictions
from model_zoo.importing.predictions import card_of, match_predictions
from model_zoo.workspace.run import Run, write_run
from model_zoo.workspace.workspace import Workspace


def import_predictions(
    workspace: Workspace,
    path: Path,
    run_id: str,
    taxonomy: Taxonomy,
    order: tuple[str, ...],
    split: Split | None,
    licence: str,
    console: Console,
    column: str = "",
    values: ClassValues | None = None,
    encoding: str = "",
) -> Run:
    """Write the predictions in a file as a run without a model, completely or not at all; prints every metric.

    ``order`` names the classes of ``taxonomy`` in the order of unnamed columns and of indices. ``column``,
    ``values`` and ``encoding``: see `read_predictions`.
    """
    check_run_id_free(workspace, run_id)
    dataset = workspace.dataset()
    if dataset.counts_alone:
        raise RunError(
            f"{workspace.writable} holds the counts of a confusion table: nothing says which of them is about which "
            "image, so no other answers can be set against them."
        )
    nodes = InnerNodes(taxonomy, workspace.taxonomies(), workspace.space)
    answers = read_predictions(path, order, column, values, nodes, encoding).in_order_of(taxonomy.names)
    found = match_predictions(answers, taxonomy, dataset, split)
    card = card_of(run_id, answers, taxonomy, dataset, licence)
    undecided = undecided_words(found.predictions)
    for sentence in (*answers.told, *found.told, ties_words(found.predictions), undecided):
        if sentence:
            console.print(sentence, soft_wrap=True)
    what = card.recipe["predictions"]
    console.print(f"Classes in order: {classes_text(order)}. Predictions: {what}.", soft_wrap=True)
    judged = {
        one: evaluate([said], taxonomy, taxonomy, dataset.labels, dataset.patients)
        for one, said in found.predictions.items()
    }
    judged_on = next((one for one, evaluation in judged.items() if len(evaluation.truth)), next(iter(judged)))
    outputs, remedy = order_remedy(answers, order)
    print_accuracy(judged[judged_on], judged_on, taxonomy, outputs, console, remedy=remedy)
    run = write_run(card, workspace.writable / "runs", b"", (), found.predictions)
    console.print(
        f"{run.run_id}: written to {run.folder}. It has no model: no maps, no embeddings, no new images; all else "
        "works.",
        soft_wrap=True,
    )
    return run


def order_remedy(answers: ImportedPredictions, order: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The class of index k in the file, for each k, and what to do if another order is correct.

    Names that are numbers may be indices; no option can correct other names. ``{order}`` in the sentence stands for the
    correct order.
    """
    if answers.values is None:
        return order, "if that is their order, import again with --classes {order}"
    again = "if that is their order, import again with --classes {order} --prediction-values "
    if answers.values is not ClassValues.NAMES:
        return order, again + str(answers.values)
    ways = (ClassValues.INDICES, ClassValues.INDICES_FROM_1)
    fitting = [one for one in readings(answers.written, order) if one.values in ways]
    if not fitting:
        return order, "the names in the file seem to be exchanged; correct them there and import again"
    at = {index: text for text, index in fitting[0].index_of.items()}
    by_name = read_classes(answers.written, order, ClassValues.NAMES).index_of
    named = {k: order[by_name[text]] for k, text in at.items()}
    rest = iter(one for one in order if one not in named.values())
    outputs = tuple(named[k] if k in named else next(rest) for k in range(len(order)))
    return outputs, again + str(fitting[0].values)
