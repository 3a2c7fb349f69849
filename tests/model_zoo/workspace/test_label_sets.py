"""Label sets as files: written once, read whole or refused in one sentence; and what a training learns from one."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import hypothesis.strategies as some
import pytest
from hypothesis import given

from model_zoo.core.errors import RunError, WorkspaceError
from model_zoo.core.label_space.splits import Split
from model_zoo.training.train import read_pixels, train
from model_zoo.workspace.label_sets import LabelSet, read_label_set, training_labels, write_label_set
from model_zoo.workspace.manifest import check_no_leak
from model_zoo.workspace.run import Card, read_run
from model_zoo.workspace.workspace import Workspace
from tests.drawn_workspace import TINY, make, shapes

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def label_set(name="first", labels=None, **changes):
    plain = {"made_by": "Ann", "made": NOON, "rule": "latest", "last_decision_id": 7, "note": "as delivered"}
    return LabelSet(name=name, labels={"train-0": "bar.dim"} if labels is None else labels, **(plain | changes))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return make(tmp_path_factory.mktemp("sets") / "shapes")


texts = some.text(some.characters(exclude_categories=["Cs"]), max_size=200)


@given(labels=some.dictionaries(texts, some.sampled_from(["bar.dim", "blank", "*"])), note=texts)
def test_what_is_written_comes_back(tmp_path_factory, workspace, labels, note):
    folder = tmp_path_factory.mktemp("sets")
    written = label_set("a set-1.b", labels, note=note)
    path = write_label_set(folder, written)
    assert path.name == "a set-1.b.json"
    assert read_label_set(path, workspace.space) == written
    assert read_label_set(path, workspace.space).sha256 == written.sha256
    assert [one.name for one in folder.iterdir()] == [path.name]  # no half file is left


def test_the_hash_is_over_everything_but_the_order_of_the_images():
    one = label_set(labels={"a": "blank", "b": "bar.dim"})
    assert one.sha256 == label_set(labels={"b": "bar.dim", "a": "blank"}).sha256
    others = [label_set(labels={"a": "blank", "b": "blank"}), replace(one, made_by="Bob"), replace(one, note="")]
    others += [replace(one, name="b"), replace(one, last_decision_id=8), replace(one, made=NOON + timedelta(seconds=1))]
    assert len({one.sha256, *(other.sha256 for other in others)}) == 7


def test_of_many_who_write_one_name_at_once_one_wins_and_nothing_is_overwritten(tmp_path):
    outcomes, sentences = [], []

    def write(k):
        try:
            write_label_set(tmp_path, label_set(made_by=f"Ann {k}"))
            outcomes.append(k)
        except WorkspaceError as error:
            sentences.append(str(error))

    threads = [threading.Thread(target=write, args=(k,)) for k in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = outcomes
    assert len([one for one in sentences if "none is ever written over" in one]) == 15
    assert json.loads((tmp_path / "first.json").read_text())["made_by"] == f"Ann {winner}"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "name",
    ["", " ", "../up", "/etc/passwd", "a/b", "a\\b", ".hidden", "a\0b", "a\nb", "x" * 81, "=1+1", "<b>", "a ", " a",
     "original", "Standing", "REVIEWED", "e\u0301"],
)  # fmt: skip
def test_hostile_names_are_refused_in_one_sentence(name):
    with pytest.raises(WorkspaceError) as refused:
        label_set(name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [{"made_by": " "}, {"made_by": "a\nb"}, {"made_by": "x" * 101}, {"note": "x" * 2001}, {"rule": ""},
     {"made": datetime(2026, 1, 1)}, {"made": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))}],
)  # fmt: skip
def test_what_a_set_says_is_checked_where_it_is_born(changes):
    with pytest.raises(WorkspaceError):
        label_set(**changes)


def damaged(raw):
    def write(path):
        path.write_bytes(raw)

    return write


def edited(**changes):
    def write(path):
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return write


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (damaged(b""), "cannot be used"),
        (damaged(b"{"), "cannot be used"),
        (damaged(b"[1]"), "no JSON object"),
        (damaged(b"\x00\xff"), "cannot be used"),
        (damaged(b"[" * 100_000), "cannot be used"),
        (edited(format=2), "of format 1"),
        (edited(labels={"train-0": "blank"}), "was edited"),
        (edited(note="other"), "was edited"),
        (edited(sha256="0"), "was edited"),
        (edited(labels=["a"]), "no table of image"),
        (edited(labels={"a": 1}), "no table of image"),
        (edited(name="second"), "another name"),
        (edited(name="../x"), "cannot be called"),
        (edited(made="yesterday"), "cannot be used"),
        (edited(last_decision_id=None), "cannot be used"),
        (edited(made_by=5), "'made_by' is no text"),
    ],
)
def test_a_damaged_file_is_said_in_one_sentence_and_not_used(tmp_path, workspace, damage, says):
    path = write_label_set(tmp_path, label_set())
    damage(path)
    with pytest.raises(WorkspaceError) as refused:
        read_label_set(path, workspace.space)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_label_that_the_workspace_cannot_have_is_refused(tmp_path, workspace):
    path = write_label_set(tmp_path, label_set(labels={"train-0": "disc.purple"}))
    with pytest.raises(WorkspaceError, match=r"Label set 'first', image 'train-0': .*purple"):
        read_label_set(path, workspace.space)


def test_a_workspace_finds_its_sets_in_its_own_folder(tmp_path):
    own, below = make(tmp_path / "own"), make(tmp_path / "below")
    below.save_label_set(label_set("shipped"))
    stack = Workspace((own.writable, below.writable))
    assert stack.label_set_paths() == {}
    stack.save_label_set(label_set())
    assert stack.label_set("first") == label_set()
    with pytest.raises(WorkspaceError, match=r"no label set 'shipped' here; it has first\."):
        stack.label_set("shipped")
    with pytest.raises(WorkspaceError, match="purple"):
        stack.save_label_set(label_set("bad", {"train-0": "disc.purple"}))


def flipped(workspace, **more):
    """A set that calls every training disc a bar, and every test image blank."""
    space = workspace.space
    texts = {image.image_id: space.format(image.label) for image in workspace.dataset().images}
    for image_id, text in texts.items():
        if image_id.startswith("train"):
            texts[image_id] = text.replace("disc", "bar")
        if image_id.startswith("test"):
            texts[image_id] = "blank"
    return label_set("flipped", texts | more)


def test_only_training_labels_are_learnt_from_a_set(workspace):
    dataset, chosen = workspace.dataset(), flipped(workspace)
    learnt = training_labels(dataset, chosen)
    assert learnt.split(Split.TEST) == dataset.split(Split.TEST)
    assert learnt.split(Split.VALIDATION) == dataset.split(Split.VALIDATION)
    assert not any(leaf.startswith("disc") for i in learnt.split(Split.TRAIN) if len(i.label) == 1 for leaf in i.label)
    fewer = training_labels(dataset, label_set(labels={"train-0": "bar.dim", "test-1": "blank"}))
    assert [image.image_id for image in fewer.split(Split.TRAIN)] == ["train-0"]
    assert fewer.split(Split.TEST) == dataset.split(Split.TEST)


def trained(workspace, run_id, label_set=None):
    pixels = read_pixels(workspace, TINY.preprocessing, lambda done, total: None)
    return train(workspace, shapes(workspace), replace(TINY, epochs=1), 0, pixels, run_id, label_set=label_set)


def test_a_run_trained_on_a_set_names_it_and_is_another_way_of_training(workspace):
    original, on_set = trained(workspace, "original-s0"), trained(workspace, "on-s0", flipped(workspace))
    card = read_run(on_set.folder).card
    assert card.label_set == {"name": "flipped", "sha256": flipped(workspace).sha256}
    assert "label_set" not in original.card.to_json()
    assert card.series_key != original.card.series_key
    assert card.weights_sha256 != original.card.weights_sha256
    assert card.data_hash["train"] != original.card.data_hash["train"]
    assert card.data_hash["test"] == original.card.data_hash["test"]  # evaluation stays as it is
    # 41 training images: 16 to 17 discs, all bars now; the answers over test say so
    assert "disc" not in {on_set.card.classes[k] for k in on_set.predictions(Split.TEST).predicted}


def test_a_set_that_says_what_the_manifest_says_teaches_the_same(workspace):
    texts = {image.image_id: workspace.space.format(image.label) for image in workspace.dataset().images}
    same = trained(workspace, "same-s0", label_set("same", texts))
    again = trained(workspace, "again-s0")
    assert same.card.weights_sha256 == again.card.weights_sha256


def test_labels_of_test_and_validation_in_a_set_teach_nothing(workspace):
    texts = {image.image_id: workspace.space.format(image.label) for image in workspace.dataset().images}
    judged = [one for one in texts if not one.startswith("train")]
    one, other = (
        label_set(f"set {k}", texts | dict.fromkeys(judged, said)) for k, said in enumerate(("blank", "bar.dim"))
    )
    weights = {trained(workspace, f"{s.name}-s0".replace(" ", ""), s).card.weights_sha256 for s in (one, other)}
    assert len(weights) == 1


def test_a_shipped_card_does_not_change_and_a_garbled_one_is_refused(workspace):
    card = read_run(trained(workspace, "garbled-s0", flipped(workspace)).folder).card
    values = card.to_json()
    assert Card.from_json(values, "card") == card
    for bad in ({"name": "x"}, {"name": 1, "sha256": "a"}, ["name", "sha256"], "name"):
        with pytest.raises(RunError, match=r"label_set|sha256"):
            Card.from_json(values | {"label_set": bad}, "card")


def moved(record):
    """One training image of a patient who is also in test."""
    return replace(record, patient_id="test0") if record.image_id == "train-5" else record


@pytest.mark.parametrize(
    "chosen", [None, label_set(labels={"train-5": "bar.dim", "train-6": "blank", "test-0": "blank"})]
)
def test_a_patient_of_test_is_never_learnt_from(tmp_path, chosen):
    leaky = make(tmp_path / "leaky", relabel=moved)
    with pytest.raises(WorkspaceError, match=r"Patient 'test0' has images in both train and test"):
        trained(leaky, "leaky-s0", chosen)
    assert list(leaky.writable.glob("runs/*")) == []


def test_no_image_of_test_or_validation_can_be_handed_in_as_training(workspace):
    pixels = dict(read_pixels(workspace, TINY.preprocessing, lambda done, total: None))
    everything = flipped(workspace)
    for split in (Split.TEST, Split.VALIDATION):
        wrong = {**pixels, Split.TRAIN: pixels[split]}
        for chosen in (None, everything):
            with pytest.raises(WorkspaceError, match=f"is in split {split}; models learn from split train alone"):
                train(workspace, shapes(workspace), TINY, 0, wrong, "wrong-s0", label_set=chosen)


def test_a_file_listed_twice_is_no_way_around(tmp_path):
    def twice(record):
        return replace(record, path="test-1.png") if record.image_id == "train-5" else record

    leaky = make(tmp_path / "twice", relabel=twice)
    with pytest.raises(WorkspaceError, match=r"File 'test-1\.png' is an image of train and one of test"):
        trained(leaky, "twice-s0")


def test_images_without_patient_are_everybodys_own(tmp_path):
    nameless = make(tmp_path / "nameless", relabel=lambda record: replace(record, patient_id=""))
    check_no_leak(nameless.dataset(), [image.image_id for image in nameless.dataset().split(Split.TRAIN)])
