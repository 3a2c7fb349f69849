"""Opinions of several people: one file or a file each, in any order, are the same rows and the same agreement."""

import csv as csvs
import io
import itertools
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from rich.console import Console

from dashboard.cli import labels as cli_labels
from dashboard.decisions.decision import Answer
from dashboard.evaluation.annotator_agreement import agreements, opinions
from dashboard.labels.label_files import LabelFileError, read_label_file
from dashboard.labels.label_import import equal_words, plan_label_import, store_import
from dashboard.server_state.batch_decisions import GivenLabel, decide_many, undo_many
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.importing.class_values import ClassValues
from tests.dashboard.labelled_animals import read
from tests.named_workspace import named_workspace

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SAID = {
    "reviewer-1": ["cat", "cat", "dog", "cat"],
    "reviewer-2": ["dog", "cat", "dog", "dog"],
    "reviewer-3": ["cat", "cat", "dog", "dog"],
}


def csv_of(*rows, names=("image", "label")):
    out = io.StringIO()
    csvs.writer(out).writerows([names, *rows])
    return out.getvalue().encode()


def rows_of(desk):
    return sorted((one.image_id, one.reviewer, one.after) for one in desk.store.all() if one.answer is not Answer.UNDO)


def agreement_of(desk):
    taxonomy = desk.workspace.taxonomy("classes")
    return agreements(opinions(desk.store.all(), taxonomy, desk.workspace.space), taxonomy, {}).observed.value


def store(desk, raw, by="", importer="account", taxonomy=None, time=NOON, **more):
    plan = plan_label_import(desk, read(raw), importer, time, taxonomy, by, **more)
    return plan, store_import(desk, plan, time)


@pytest.fixture
def typed(tmp_path, capsys, monkeypatch):
    """``typed(workspace, "import", ...)`` runs a command and gives what it printed, on one line."""
    monkeypatch.setattr(cli_labels, "console", Console(width=300, highlight=False, markup=False))
    monkeypatch.chdir(tmp_path)

    def go(workspace, *arguments):
        cli_labels.commands([*arguments, "--workspace", str(workspace.writable)], standalone_mode=False)
        return " ".join(capsys.readouterr().out.split())

    return go


def pets(folder, rule="majority"):
    return named_workspace(folder, ["cat", "dog"], ["cat", "cat", "dog", "dog"], rule)


@pytest.mark.parametrize("order", list(itertools.permutations(SAID)))
def test_three_files_are_as_one_in_any_order(typed, tmp_path, order):
    workspace = pets(tmp_path / "w")
    for who in order:
        (tmp_path / f"{who}.csv").write_bytes(csv_of(*((f"a{k}", one) for k, one in enumerate(SAID[who]))))
        assert "4 to store" in typed(workspace, "import", f"{who}.csv", "--by", who)
    wanted = sorted((f"a{k}", who, one) for who, some in SAID.items() for k, one in enumerate(some))
    assert rows_of(Desk(workspace)) == wanted
    # pairs of equal opinions: a0 1 of 3, a1 3, a2 3, a3 1
    assert agreement_of(Desk(workspace)) == pytest.approx(8 / 12)
    together = pets(tmp_path / "v")
    pd.DataFrame([(one, label, who) for one, who, label in wanted], columns=["image", "label", "annotator"]).to_csv(
        tmp_path / "all.csv"
    )
    typed(together, "import", "all.csv")
    assert rows_of(Desk(together)) == wanted
    assert agreement_of(Desk(together)) == pytest.approx(8 / 12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data(), rule=some.sampled_from(["latest", "majority", "adjudicated"]), coarse=some.booleans())
def test_both_ways_give_the_same_rows(tmp_path_factory, data, rule, coarse):
    people = data.draw(some.lists(some.sampled_from(["Ann", "Bo", "Cy", "Di"]), min_size=1, unique=True))
    names = ["animal", "thing"] if coarse else ["cat", "dog", "cup", "pot"]
    said = {
        who: data.draw(some.dictionaries(some.integers(0, 4), some.sampled_from(names), min_size=1)) for who in people
    }
    classes, labels = ["cat", "dog", "cup", "pot"], ["cat", "cup", "dog", "cat", "pot"]
    taxonomy = Taxonomy("coarse", {"animal": frozenset({"cat", "dog"}), "thing": frozenset({"cup", "pot"})})
    found = []
    for way in ("one", "each"):
        desk = Desk(named_workspace(tmp_path_factory.mktemp("law") / "w", classes, labels, rule))
        if way == "one":
            lines = [(f"a{k}", label, who) for who, some_ in said.items() for k, label in some_.items()]
            lines = data.draw(some.permutations(lines))
            store(desk, csv_of(*lines, names=("image", "label", "rater")), taxonomy=taxonomy if coarse else None)
        else:
            for who in data.draw(some.permutations(people)):
                raw = csv_of(*((f"a{k}", label) for k, label in said[who].items()))
                store(desk, raw, who, taxonomy=taxonomy if coarse else None)
                again, stored = store(desk, raw + b"\n", who, taxonomy=taxonomy if coarse else None)
                assert (again.given, stored) == ((), ())  # a copy of the file adds nothing
        found.append(rows_of(desk))
    assert found[0] == found[1]
    assert len(found[0]) == sum(map(len, said.values()))


def test_two_people_with_equal_files_are_two(tmp_path):
    desk, raw = Desk(pets(tmp_path / "w")), csv_of(("a0", "cat"), ("a1", "dog"))
    assert len(store(desk, raw, "Ann")[1]) == 2
    assert len(store(desk, raw, "Bo")[1]) == 2
    with pytest.raises(LabelFileError, match="undo that import first"):
        store(desk, raw, "Ann")
    undo_many(
        desk, plan_label_import(desk, read(raw), "x", NOON, None, "Ann").batch, "Ann", NOON
    )  # as the message says
    assert len(store(desk, raw, "Ann")[1]) == 2


def test_a_changed_opinion_is_a_new_row(tmp_path):
    desk = Desk(pets(tmp_path / "w"))
    store(desk, csv_of(("a0", "cat"), ("a1", "cat")), "Ann")
    store(desk, csv_of(("a0", "dog"), ("a1", "cat")), "Ann", time=NOON + timedelta(hours=1))
    assert rows_of(desk) == [("a0", "Ann", "cat"), ("a0", "Ann", "dog"), ("a1", "Ann", "cat")]


def test_without_a_name_only_changes_are_stored_and_it_says_so(typed, tmp_path):
    workspace = pets(tmp_path / "w")
    (tmp_path / "a.csv").write_bytes(csv_of(("a0", "cat"), ("a1", "cat"), ("a2", "dog"), ("a3", "cat")))
    said = typed(workspace, "import", "a.csv")
    assert "3 equal labels were not stored: name the annotator to keep them (--by NAME)." in said
    assert "Stored: 1 label in one action; the page Labels undoes it." in said
    typed(workspace, "import", "a.csv", "--by", "Ann")  # the remedy
    assert [row for row in rows_of(Desk(workspace)) if row[1] == "Ann"] == [
        ("a0", "Ann", "cat"), ("a1", "Ann", "cat"), ("a2", "Ann", "dog"), ("a3", "Ann", "cat"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([("a0", "cat"), ("a2", "dog")], "no label in the file changes the current one"),
        ([("elsewhere", "cat")], "no line of the file names an image of this workspace"),
    ],
)
def test_an_import_that_stores_nothing_offers_no_undo(typed, tmp_path, lines, why):
    workspace = pets(tmp_path / "w")
    (tmp_path / "a.csv").write_bytes(csv_of(*lines))
    said = typed(workspace, "import", "a.csv")
    assert f"Nothing was stored: {why}" in said
    assert "undo" not in said
    assert Desk(workspace).store.all() == ()


def test_all_stored_already_offers_no_undo(typed, tmp_path):
    workspace = pets(tmp_path / "w")
    for name, end in (("a.csv", b""), ("copy.csv", b"\n")):
        (tmp_path / name).write_bytes(csv_of(("a0", "cat"), ("a1", "dog")) + end)
    typed(workspace, "import", "a.csv", "--by", "Ann")
    said = typed(workspace, "import", "copy.csv", "--by", "Ann")
    assert "Nothing was stored: every label in the file is stored already." in said
    assert "undo" not in said


def test_an_adjudication_is_no_opinion_of_its_own(tmp_path):
    desk = Desk(pets(tmp_path / "w"))
    decide_many(desk, [GivenLabel("a0", "dog", "Ann")], "b", NOON, chosen_by="restored", adjudicates=True)
    _, stored = store(desk, csv_of(("a0", "dog")), "Ann")
    assert [(one.reviewer, one.after, one.adjudicates) for one in stored] == [("Ann", "dog", False)]


def test_numbers_in_a_label_file_are_names_or_indices_and_never_both(typed, tmp_path):
    workspace = named_workspace(tmp_path / "w", ["1", "2", "3"], ["3", "3", "3"])
    (tmp_path / "a.csv").write_bytes(csv_of(("a0", "0"), ("a1", "1"), ("a2", "2")))
    assert "read as class indices from 0" in typed(workspace, "import", "a.csv", "--by", "Ann")
    assert rows_of(Desk(workspace)) == [("a0", "Ann", "1"), ("a1", "Ann", "2"), ("a2", "Ann", "3")]


@pytest.mark.parametrize(
    ("values", "wanted"), [("names", ["1", "2"]), ("indices", ["2", "3"]), ("indices-from-1", ["1", "2"])]
)
def test_a_label_file_that_can_be_both_is_asked_about(typed, tmp_path, values, wanted):
    workspace = named_workspace(tmp_path / "w", ["1", "2", "3"], ["3", "3", "1"])
    (tmp_path / "a.csv").write_bytes(csv_of(("a0", "1"), ("a1", "2")))
    with pytest.raises(TaxoScopeError, match=r"class names \(--label-values names\)"):
        typed(workspace, "import", "a.csv", "--by", "Ann")
    typed(workspace, "import", "a.csv", "--by", "Ann", "--label-values", values)
    assert [label for _, _, label in rows_of(Desk(workspace))] == wanted


def test_numbered_folders_by_text_sorted_index(tmp_path):
    names = sorted(str(k) for k in range(12))
    desk = Desk(named_workspace(tmp_path / "w", names, ["5"] * 12))
    raw = csv_of(*((f"a{k}", k) for k in range(12)))
    taxonomy = desk.workspace.taxonomy("classes")
    with pytest.raises(LabelFileError, match="--label-values indices"):
        plan_label_import(desk, read(raw), "x", NOON, taxonomy)
    store(desk, raw, "Ann", taxonomy=taxonomy, values=ClassValues.INDICES)
    assert {row[0]: row[2] for row in rows_of(desk)} == {f"a{k}": names[k] for k in range(12)}


@pytest.mark.parametrize("other", ["corrected_label", "class", "new label"])
def test_old_labels_are_not_taken_for_corrected_ones(typed, tmp_path, other):
    workspace = pets(tmp_path / "w")
    table = pd.DataFrame(
        {
            "image_id": ["a0", "a1", "a2", "a3"],
            "label": ["cat", "cat", "dog", "dog"],
            other: ["cat", "dog", "dog", "cat"],
        }
    )
    table.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(TaxoScopeError, match="both hold labels, and they differ; say which with --label-column"):
        typed(workspace, "import", "a.csv", "--by", "Ann")
    typed(workspace, "import", "a.csv", "--by", "Ann", "--label-column", other)
    assert [row[2] for row in rows_of(Desk(workspace))] == ["cat", "dog", "dog", "cat"]


def test_equal_words_count():
    class Plan:
        n_equal = 1

    assert equal_words(Plan) == "1 equal label was not stored: name the annotator to keep it"
    Plan.n_equal = 3
    assert equal_words(Plan) == "3 equal labels were not stored: name the annotator to keep them"


@pytest.mark.parametrize("column", ["label", "class_name", "class", "category"])
def test_corrected_classes_beside_other_classes_are_asked_about(tmp_path, column):
    path = tmp_path / "said.csv"
    path.write_text(f"image_id,{column},corrected_class\na0,cat,dog\na1,cat,cat\n")
    with path.open("rb") as file, pytest.raises(LabelFileError, match="both hold labels, and they differ"):
        read_label_file(file, path.name)
