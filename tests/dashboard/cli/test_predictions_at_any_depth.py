"""Imported labels that name inner nodes: where they fit they count, where they span they are undecided."""

import csv

import pytest
from typer.testing import CliRunner

from dashboard.address.selection import Labels, Space
from dashboard.cli.comparison_text import printed
from dashboard.cli.models import commands
from dashboard.compare.task_difficulty import secondary_metrics
from dashboard.decisions.queue import QueueItem
from dashboard.diagnose.subjects import diagnose_all
from dashboard.evaluation.comparison import compare, named_subjects
from dashboard.evaluation.verdict import judgements
from dashboard.report.report import build_report
from dashboard.review.model_disagreement import model_disagreement
from dashboard.review.queue_items import shown_items
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import accuracy
from model_zoo.core.label_space.splits import Split
from tests.second_workspace import build


@pytest.fixture
def workspace(tmp_path):
    return build(tmp_path / "w")


def imported(workspace, predicted, name="mine", taxonomy="things"):
    """Import ``predicted``, image id -> text."""
    with (path := workspace.writable / "said.csv").open("w", newline="") as out:
        csv.writer(out).writerows([["image_id", "predicted"], *predicted.items()])
    known = ["--name", name, "--taxonomy", taxonomy, "--workspace", str(workspace.writable)]
    return CliRunner().invoke(commands, ["import-predictions", str(path), *known])


def of_thing(workspace, written):
    """Test image id -> what ``written`` says of its thing (its class of `things`)."""
    taxonomy = workspace.taxonomy("things")
    return {
        image.image_id: written(taxonomy.names[taxonomy.place(image.label)])
        for image in workspace.dataset().split(Split.TEST)
    }


def animals_stay_open(thing):
    return "animal" if thing in ("cat", "dog") else thing


def compared(desk, *names, space=Space.COMMON):
    dataset = desk.dataset()
    subjects = named_subjects(desk.series(), names)
    return compare(subjects, space, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)


def test_a_class_of_a_coarser_taxonomy_is_a_prediction(workspace):
    predicted = of_thing(workspace, animals_stay_open)
    done = imported(workspace, predicted)
    assert done.exit_code == 0, done.exception
    said = " ".join(done.output.split())
    assert "'animal' may be cat, dog." in said
    n_open = sum(one == "animal" for one in predicted.values())
    assert f"of {n_open} of {len(predicted)} test images the label spans several classes" in said
    desk = Desk(workspace)
    (native,) = compared(desk, "mine").evaluations
    assert accuracy(native).mean == pytest.approx(1 - n_open / len(predicted))
    assert native.is_undecided.sum() == n_open
    mine, kinds = compared(desk, "mine", "kinds").evaluations
    assert mine.taxonomy.names == kinds.taxonomy.names
    assert accuracy(mine).mean == 1  # on the coarser classes nothing is left open
    assert len(mine.truth) == len(predicted)


def test_everything_that_shows_a_comparison_says_what_is_undecided(workspace):
    predicted = of_thing(workspace, animals_stay_open)
    imported(workspace, predicted)
    desk = Desk(workspace)
    judged = compared(desk, "mine", "things")
    share = f"{100 * sum(one == 'animal' for one in predicted.values()) / len(predicted):.1f} %"
    found = judgements(judged, workspace.rule)
    assert any(f"Undecided: {share} of images" in line for line in printed(desk, judged, found))
    report = build_report(desk, judged, found, diagnose_all(desk, judged, None))
    assert f"Undecided: {share} of images" in report.html
    assert ",undecided,," in report.csv
    taxonomies = [workspace.taxonomy(name) for name in ("things", "kinds")]
    figures = {one.name: one.mean for one in secondary_metrics(judged, taxonomies)[0].figures}
    assert figures["undecided"] == pytest.approx(sum(one == "animal" for one in predicted.values()) / len(predicted))
    assert figures["accuracy among the decided"] == 1
    assert figures["hierarchical precision"] == 1
    assert figures["hierarchical recall"] < 1
    assert "accuracy among the decided" not in {one.name for one in secondary_metrics(judged, taxonomies)[1].figures}


def test_review_shows_all_that_a_label_may_be(workspace):
    predicted = of_thing(workspace, animals_stay_open)
    imported(workspace, predicted)
    desk = Desk(workspace)
    subjects = named_subjects(desk.series(), ["mine", "kinds-s0"])
    labels = desk.labels(Labels.ORIGINAL)
    image_id = next(one for one, text in predicted.items() if text == "animal")
    (item,) = shown_items(desk, [QueueItem(image_id)], subjects, Split.TEST, labels)
    assert [bar["name"] for bar in item["says"][0]["top"]] == ["cat", "dog"]
    told = model_disagreement(desk, subjects, Split.TEST, list(predicted))
    kinds = desk.predictions("kinds-s0", Split.TEST)
    said = dict(zip(kinds.image_ids, kinds.predicted_names(range(len(kinds.image_ids)))))
    assert (image_id in told) == (said[image_id] != "animal")
    assert any("mine: cat or dog" in text for text in told.values())


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("dog.*", {"dog"}),
        ("*.small", {"cat", "dog", "car"}),
        ("cat.small|logo", {"cat", "logo"}),
        ("vehicle", {"car", "plane"}),
    ],
)
def test_patterns_of_leaf_classes_name_inner_nodes_too(workspace, text, classes):
    predicted = of_thing(workspace, lambda thing: thing)
    first = next(iter(predicted))
    assert imported(workspace, predicted | {first: text}).exit_code == 0
    stored = Desk(workspace).predictions("mine", Split.TEST)
    row = stored.probabilities[stored.row_of[first]]
    assert {stored.classes[k] for k in row.nonzero()[0]} == classes
    assert set(row[row > 0]) == {row.max()}


def test_what_is_neither_a_class_nor_an_inner_node_is_refused(workspace):
    predicted = of_thing(workspace, animals_stay_open)
    first = next(iter(predicted))
    for text, why in [
        ("beast", "'beast' is no class of things and no inner node"),
        ("bird.*", "'bird.\\*' is no class of things and no inner node"),
        ("", "a value is empty; leave out the rows that have no prediction"),
    ]:
        done = imported(workspace, predicted | {first: text}, name="other")
        with pytest.raises(RunError, match=why):
            raise done.exception
    assert not (workspace.writable / "runs" / "other").exists()
