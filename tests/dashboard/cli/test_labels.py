"""`taxoscope labels`: sets made and listed, files out and in again, refused in one sentence."""

import csv
import json
import os
import sqlite3
from datetime import UTC, datetime

import pytest
from rich.console import Console

from dashboard.cli import labels
from dashboard.decisions.decision import DecisionError
from dashboard.decisions.store import DecisionStore
from dashboard.runs.train import cross_fit_run, train_learning_curve, train_seeds
from model_zoo.core.errors import RunError, WorkspaceError
from model_zoo.workspace.label_sets import LabelSet
from model_zoo.workspace.run import read_run, write_run
from tests.command import run
from tests.dashboard.histories import decision
from tests.drawn_workspace import TINY, make, shapes


@pytest.fixture
def typed(fresh_animals, tmp_path, capsys, monkeypatch):
    """``typed("make", "first")`` runs a command on the animals in this process, and gives what it printed."""
    printed = Console(width=300, highlight=False, markup=False)
    monkeypatch.setattr(labels, "console", printed)
    monkeypatch.chdir(tmp_path)

    def go(*arguments):
        labels.commands([*arguments, "--workspace", str(fresh_animals.writable)], standalone_mode=False)
        return capsys.readouterr().out

    return go


def test_a_set_is_made_listed_compared_and_gone_back_to(typed, tmp_path):
    assert "There is no label set yet; make one with `uv run taxoscope labels make NAME`." in typed("list")
    assert "Label set 'first' keeps 120 labels (sha256 " in typed("make", "first", "--by", "Ann", "--note", "at first")
    listed = typed("list")
    assert all(word in listed for word in ("first", "Ann", "120", "latest", "at first"))
    (tmp_path / "new.csv").write_text("image,label\ni0000,logo\ni0001,logo\ni0002,nonsense\n")
    dry = typed("import", "new.csv", "--dry-run", "--by", "Bob")
    assert "3 labels in the file: 0 new, " in dry
    assert "line 4: Cannot read label 'nonsense'" in dry
    assert "Nothing was stored: this was a dry run." in dry
    assert "0 of 120 images changed label." in typed("compare", "first", "standing")
    typed("import", "new.csv", "--by", "Bob")
    with pytest.raises(Exception, match="undo that import first"):
        typed("import", "new.csv", "--by", "Bob")
    compared = typed("compare", "first", "standing", "--taxonomy", "kinds")
    assert "of 120 images changed label." in compared
    assert "logo" in compared
    assert "would change; nothing was stored" in typed("restore", "first", "--dry-run")
    assert "The labels are those of 'first' again" in typed("restore", "first", "--by", "Bob")
    assert "0 of 120 images changed label." in typed("compare", "first", "standing")


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet", "out.json", "out.zip"])
def test_what_is_written_is_imported_without_a_change(typed, tmp_path, name):
    typed("make", "first")
    more = ("--taxonomy", "things") if name in ("out.json", "out.zip") else ()
    assert f"Written: {name}, 120 labels." in typed("export", name, "--labels", "first", *more)
    said = typed("import", name, "--dry-run")
    assert "120 labels in the file: 0 new, 0 changed, 120 equal; 0 of unknown images, 0 unreadable. 0 to store" in said
    with pytest.raises(WorkspaceError, match="it is there already"):
        typed("export", name, *more)
    assert sorted(path.name for path in tmp_path.glob("*out*")) == [name]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_the_whole_history_is_written_and_its_labels_are_imported_again(typed, tmp_path, name):
    typed("make", "first")
    (tmp_path / "new.csv").write_text("image,label,reviewer\ni0000,logo,Ann\ni0000,dog.large,Bob\n")
    typed("import", "new.csv")
    typed("restore", "first", "--by", "Carl")
    assert f"Written: {name}, 3 decisions." in typed("export", name, "--history")
    said = typed("import", name, "--dry-run")  # each person's last answer; all are given already
    assert "3 labels in the file" in said
    assert "0 to store" in said
    with pytest.raises(WorkspaceError, match="it is there already"):
        typed("export", name, "--history")
    with pytest.raises(WorkspaceError, match="leave out --labels, --taxonomy, --split and --run"):
        typed("export", "more.csv", "--history", "--split", "test")
    with pytest.raises(DecisionError, match="cannot be written as coco; it can be csv, jsonl, parquet"):
        typed("export", "out.json", "--history")
    assert sorted(path.name for path in tmp_path.glob("*out*")) == [name]


def test_one_split_and_the_cleanlab_table(typed, tmp_path):
    typed("export", "test.csv", "--split", "test")
    with (tmp_path / "test.csv").open(newline="") as lines:
        assert {row["split"] for row in csv.DictReader(lines)} == {"test"}
    said = typed("export", "lab.parquet", "--format", "cleanlab", "--taxonomy", "things", "--run", "things-s0")
    assert "30 images left out" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("export", "labels.xyz"), "Cannot tell the format of labels.xyz; end it in .zip, .json, .csv"),
        (("export", "no/folder.csv"), "Cannot write no/folder.csv"),
        (("export", "out.json"), "choose a taxonomy"),
        (("export", "out.csv", "--labels", "first"), "There are no labels 'first' here; there are original, standing."),
        (("import", "none.csv"), "Cannot read none.csv (No such file or directory)"),
        (("import", os.devnull), f"Cannot read {os.devnull} (it is no file)"),
        (("make", "../up"), "cannot be called '../up'"),
        (("make", "standing"), "No label set can be called 'standing'"),
        (("restore", "first"), "There is no label set 'first' here; it has none yet."),
        (("compare", "original", "x"), "There are no labels 'x' here"),
    ],
)
def test_what_cannot_be_is_one_sentence(typed, arguments, sentence):
    with pytest.raises(Exception) as refused:  # noqa: PT011
        typed(*arguments)
    assert sentence in str(refused.value)


def test_the_command_is_there_and_says_errors_as_sentences(animals, tmp_path):
    done = run("labels", "make", "original", "--workspace", str(animals.writable), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("No label set can be called 'original'")


@pytest.fixture
def shaped(tmp_path):
    """A workspace that can be trained in, with a set that calls every disc a bar."""
    workspace = make(tmp_path / "shapes")
    workspace.save_taxonomy(shapes(workspace))
    prepared = "\n".join(f"{name} = {json.dumps(value)}" for name, value in TINY.preprocessing.to_json().items())
    (workspace.writable / "recipe.toml").write_text(
        f"version = 1\n[training]\narchitecture = {TINY.architecture!r}\nepochs = 1\nbatch_size = 8\n"
        f"learning_rate = 0.004\nweight_decay = 0.05\npad_px = 2\n[training.preprocessing]\n{prepared}\n"
    )
    texts = {i.image_id: workspace.space.format(i.label).replace("disc", "bar") for i in workspace.dataset().images}
    del texts["train-40"]
    made = datetime(2026, 1, 1, tzinfo=UTC)
    workspace.save_label_set(LabelSet("no discs", "Ann", made, "latest", 0, texts))
    return workspace


def test_a_run_is_trained_on_a_set_and_named_after_it(shaped, capsys):
    train_seeds(shaped, "shapes", [0], Console(width=300), labels="no discs")
    printed = capsys.readouterr().out
    # 41 training images: k mod 5 in (0, 1) are discs, 17 of them, one of which (40) the set does not know
    assert "16 of 41 training images have another label than in the manifest, 1 are not in the set" in printed
    (run,) = shaped.runs()
    assert run.run_id == "shapes-on-no discs-s0"
    assert run.card.label_set["name"] == "no discs"
    assert run.card.n_train_images == 41 - 2 - 1  # two labels say nothing
    assert run.history()[0].validation_accuracy < 1  # judged by the manifest's labels, which know discs


def test_training_on_a_set_that_is_not_there_reads_no_image(shaped):
    with pytest.raises(WorkspaceError, match="There is no label set 'first' here; it has no discs"):
        train_seeds(shaped, "shapes", [0], Console(), labels="first")
    assert shaped.runs() == ()


def test_a_run_of_a_set_is_not_trained_again_on_other_labels(fresh_animals):
    folder = fresh_animals.writable / "runs"
    card = read_run(folder / "things-s0").card
    values = card.to_json() | {"run_id": "on-s0", "label_set": {"name": "first", "sha256": "0" * 64}}
    made = write_run(type(card).from_json(json.loads(json.dumps(values)), "card"), folder, b"", [], {})
    with pytest.raises(RunError, match="'on-s0' was trained on label set 'first'"):
        cross_fit_run(fresh_animals, made.run_id, 2, Console())
    with pytest.raises(RunError, match="this trains on the manifest's labels"):
        train_learning_curve(fresh_animals, made.run_id, "cat", [50], [0], Console())


def test_damaged_decisions_are_named_and_repaired_after_a_copy(typed, fresh_animals):
    store = DecisionStore(fresh_animals.decisions_path)
    store.append([decision(seq=1, image_id="i0000"), decision(seq=2, image_id="i0001")])
    store.close()
    assert "Nothing is damaged." in typed("repair", "--dry-run")
    assert "Nothing is damaged; nothing was changed." in typed("repair")
    raw = sqlite3.connect(fresh_animals.decisions_path)
    raw.execute("DROP TRIGGER decisions_are_not_changed")
    raw.execute("UPDATE decisions SET answer = 'shrug' WHERE decision_id = 1")
    raw.commit()
    raw.close()
    told = typed("repair", "--dry-run")
    assert "Decision 1 is damaged and is left out: it does not match its hash." in told
    assert "taxoscope labels repair --workspace" in told
    done = typed("repair")
    assert "Repaired: 1 decision kept; the file as it was is " in done
    assert len(list(fresh_animals.decisions_path.parent.glob("*.before-repair-*.sqlite"))) == 1
    assert "Nothing is damaged." in typed("repair", "--dry-run")
