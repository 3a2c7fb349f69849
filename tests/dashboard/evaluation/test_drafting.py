"""Drafts, their previews and counts: each number against the files, counted by other code."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score
from statsmodels.stats.proportion import proportion_confint

from dashboard.address.draft import Draft
from dashboard.address.selection import Labels
from dashboard.evaluation.drafting import (
    MAX_DESCRIPTION,
    class_counts,
    flow,
    open_draft,
    previews,
    read_upload,
    save,
    train_command,
)
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import TaxonomyError, TaxoScopeError
from model_zoo.core.evaluation.evaluation import accuracy
from model_zoo.core.label_space.edits import BringBack, Merge, MoveOutside, Rename, Reorder, SplitByPart, SplitOff
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.taxonomy_files import parse_taxonomy, taxonomy_toml
from model_zoo.workspace.workspace import PROJECT, Workspace
from tests.second_workspace import build
from tests.shares import trials_of

PETS = {"cat": "pet", "dog": "pet", "car": "car", "plane": "plane", "logo": "logo"}


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    return build(tmp_path_factory.mktemp("animals"))


@pytest.fixture(scope="module")
def desk(animals):
    return Desk(animals)


def drafted(workspace, base, *edits, **more):
    return open_draft(Draft(base, edits, **more), workspace.versions(), workspace)


def manifest(workspace):
    return pd.read_csv(workspace.writable / "manifest.csv").set_index("image_id")


# -- drafts -------------------------------------------------------------------------------------------------------


def test_a_draft_is_the_next_version_and_is_described_by_its_steps_until_somebody_writes_better(animals):
    one = drafted(animals, "things.v1", Merge(("cat", "dog"), "pet"), Reorder("logo", 1))
    assert one.taxonomy.names == ("logo", "pet", "car", "plane")
    assert (one.taxonomy.pinned, one.changed, one.overtaken) == ("things.v2", True, False)
    assert one.taxonomy.description == "From things.v1: merged cat, dog into pet; moved logo to position 1."
    assert drafted(animals, "things.v1", Rename("cat", "x"), description="mine").taxonomy.description == "mine"
    assert drafted(animals, "things.v1", Rename("cat", "x"), name="other").taxonomy.pinned == "other.v1"
    long = drafted(animals, "things.v1", *[Rename("cat" if k == 0 else "x" * k, "x" * (k + 1)) for k in range(90)])
    assert len(long.taxonomy.description) == MAX_DESCRIPTION


def test_nothing_done_is_no_draft(animals):
    one = drafted(animals, "things")
    assert not one.changed
    assert one.taxonomy is one.base
    assert not drafted(animals, "things", name="things", description="").changed


def test_saving_makes_it_the_newest_and_the_draft_of_the_old_one_knows_that_it_was_overtaken(fresh_animals):
    one = drafted(fresh_animals, "things.v1", Merge(("cat", "dog"), "pet"))
    saved = save(fresh_animals, one)
    assert fresh_animals.taxonomy("things") == saved
    assert (saved.pinned, dict(saved.classes)) == ("things.v2", dict(one.taxonomy.classes))
    late = drafted(fresh_animals, "things.v1", Rename("cat", "kitten"))
    assert late.overtaken
    assert save(fresh_animals, late).pinned == "things.v3"
    assert fresh_animals.taxonomy("things.v2") == saved
    assert Desk(fresh_animals).series()[0].card.taxonomy.names[0] == "cat"  # a run keeps its own classes


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"name": "../things"}, "cannot stand in a path"),
        ({"name": ""}, "cannot stand in a path"),
        ({"name": "things.v9"}, "ends like a version"),
        ({"description": "x" * 1001}, "at most 1,000 characters"),
    ],
)
def test_a_draft_that_cannot_be_saved_is_one_sentence(fresh_animals, more, sentence):
    before = sorted(fresh_animals.writable.rglob("*"))
    with pytest.raises(TaxoScopeError, match=sentence):
        save(fresh_animals, drafted(fresh_animals, "things.v1", Rename("cat", "x"), **more))
    assert sorted(fresh_animals.writable.rglob("*")) == before


# -- previews -----------------------------------------------------------------------------------------------------


def answers(animals, run_id, split):
    frame = pd.read_parquet(animals.writable / "runs" / run_id / f"predictions_{split}.parquet").set_index("image_id")
    truth = manifest(animals).label[frame.index].str.split(".").str[0]
    return truth, frame.idxmax(axis=1).str.removeprefix("p:")


@pytest.mark.parametrize("split", [Split.VALIDATION, Split.TEST])
def test_a_preview_maps_the_stored_answers(animals, desk, split):
    one = drafted(animals, "things.v1", Merge(("cat", "dog"), "pet"))
    found = {preview.subject.runs[0].card.taxonomy.name: preview for preview in
             previews(desk, one.taxonomy, split, Labels.ORIGINAL)}  # fmt: skip
    runs = [answers(animals, f"things-s{k}", split) for k in range(3)]
    own = np.mean([accuracy_score(truth, said) for truth, said in runs])
    mapped = np.mean([accuracy_score(truth.map(PETS), said.map(PETS)) for truth, said in runs])
    things = found["things"]
    assert accuracy(things.own).mean == pytest.approx(own, abs=1e-12)
    assert accuracy(things.mapped).mean == pytest.approx(mapped, abs=1e-12)
    assert mapped > own
    owners = manifest(animals).patient_id[runs[0][0].index]
    assert (things.mapped.n_patients, len(things.mapped.truth)) == (owners.nunique(), len(owners))
    share = accuracy(things.mapped).share
    right = sum((truth.map(PETS) == said.map(PETS)).astype(float) for truth, said in runs) / len(runs)
    trials = trials_of(right.groupby(owners).sum(), owners.value_counts().sort_index())
    low, high = proportion_confint(share.value * trials, trials, method="wilson")
    assert (share.low, share.high) == pytest.approx((low, high), abs=1e-9)


def test_series_that_cannot_answer_say_which_leaves_stand_in_the_way(animals, desk):
    one = drafted(animals, "things.v1", Merge(("cat", "dog"), "pet"))
    found = previews(desk, one.taxonomy, Split.VALIDATION, Labels.ORIGINAL)
    blocked = {preview.own.taxonomy.name: preview.in_the_way for preview in found if not preview.mapped}
    assert set(blocked) == {"kinds", "sizes"}
    assert blocked["kinds"] == {"vehicle": ("car.large", "car.small", "plane.large")}
    assert set(blocked["sizes"]) == {"small", "large"}


def test_a_split_that_was_not_predicted_is_said_and_the_other_series_still_stand(fresh_animals):
    (fresh_animals.writable / "runs" / "sizes-s0" / "predictions_validation.parquet").unlink()
    found = previews(Desk(fresh_animals), fresh_animals.taxonomy("things"), Split.VALIDATION, Labels.ORIGINAL)
    assert sorted(bool(preview.problem) for preview in found) == [False, False, True]
    assert next(one.problem for one in found if one.problem).startswith("Run 'sizes-s0' has no predictions")


# -- what is where ------------------------------------------------------------------------------------------------


def test_counts_of_classes_are_those_of_the_manifest(animals):
    one = drafted(animals, "things.v1", Merge(("cat", "dog"), "pet"), MoveOutside(frozenset({"logo"}))).taxonomy
    counts = class_counts(one, animals.dataset(), animals.dataset().labels)
    rows = manifest(animals)
    rows["kind"] = rows.label.str.split(".").str[0].map(PETS)
    for split, counted in counts.items():
        of_split = rows[rows.split == split]
        assert counted.images.tolist() == [(of_split.kind == name).sum() for name in one.names]
        assert counted.patients.tolist() == [of_split[of_split.kind == name].patient_id.nunique() for name in one.names]
        assert (counted.n_outside, counted.n_left_out) == ((of_split.kind == "logo").sum(), 0)
    assert list(counts) == [Split.TRAIN, Split.VALIDATION, Split.TEST]


def test_a_label_that_fits_no_single_class_is_left_out_and_counted(animals):
    dataset = animals.dataset()
    labels = {**dataset.labels, dataset.split(Split.TEST)[0].image_id: animals.space.parse("*.small")}
    counted = class_counts(animals.taxonomy("things"), dataset, labels)[Split.TEST]
    assert counted.n_left_out == 1
    assert counted.images.sum() + 1 == len(dataset.split(Split.TEST))


def test_a_flow_carries_every_image_from_leaf_to_class(animals):
    dataset, things = animals.dataset(), animals.taxonomy("things")
    merged = Merge(("cat", "dog"), "pet").apply(things, animals.space)
    columns, links = flow([things, merged], dataset, dataset.images)
    assert [title for title, _ in columns] == ["leaves", "things", "things.v2"]
    for column in (0, 1):
        assert links[links[:, 0] == column, 3].sum() == len(dataset.images)
    kinds = manifest(animals).label.str.split(".").str[0].map(PETS)
    for k, name in enumerate(merged.names):
        arriving = links[(links[:, 0] == 1) & (links[:, 2] == k), 3].sum()
        assert arriving == (kinds == name).sum()
    assert flow([things], dataset, ())[1].shape == (0, 4)


def test_the_command_that_trains_it(animals, tmp_path):
    demo = Workspace.demo(tmp_path)
    fine = demo.taxonomy("fine")
    assert train_command(demo, fine, is_newest=True) == "uv run taxoscope train --taxonomy fine --seeds 0-2"
    assert train_command(demo, fine, is_newest=False) == "uv run taxoscope train --taxonomy fine.v1 --seeds 0-2"
    spaced = replace(fine, name="my own", version=3)
    assert "--taxonomy 'my own.v3'" in train_command(demo, spaced, is_newest=False)
    assert train_command(animals, fine, is_newest=True).endswith(f" --workspace {animals.writable}")


# -- uploads ------------------------------------------------------------------------------------------------------


def test_an_uploaded_file_is_read_as_the_workspace_reads_its_own(tmp_path):
    demo = Workspace.demo(tmp_path)
    raw = (PROJECT / "model_zoo" / "taxonomies" / "fine.toml").read_bytes()
    assert read_upload(raw, "C:/fine.toml", demo) == demo.taxonomy("fine")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda raw: raw.ljust(100_001), "has 100,001 bytes"),
        (lambda raw: b"\x00" + raw, "no TOML file"),
        (lambda raw: raw.replace(b"\nbpd =", b'\n"(outside)" ='), r"No class can be called '\(outside\)'"),
        (lambda raw: raw.replace(b"\nbpd =", b'\n"" ='), "empty or has spaces"),
        (lambda raw: raw.replace(b"\nbpd =", b"\n" + b"b" * 301 + b" ="), "301 characters is too long"),
        (lambda raw: raw.replace(b"Every", b"E" * 1001), "description is too long"),
        (lambda raw: raw.replace(b'"fine"', b'"../fine"'), "cannot stand in a path"),
    ],
)
def test_a_hostile_upload_is_one_sentence(tmp_path, change, sentence):
    raw = change((PROJECT / "model_zoo" / "taxonomies" / "fine.toml").read_bytes())
    with pytest.raises(TaxonomyError, match=sentence) as caught:
        read_upload(raw, "<b>.toml", Workspace.demo(tmp_path))
    assert str(caught.value).startswith("File '<b>.toml'")
    assert "\n" not in str(caught.value)


names = st.text(min_size=1, max_size=30).map(str.strip).filter(bool)


@given(st.data())
def test_whatever_steps_can_be_taken_is_exported_and_read_back(animals, data):
    one, version = animals.taxonomy("things"), 1
    for _ in range(data.draw(st.integers(1, 4))):
        name, new = data.draw(st.sampled_from(one.names)), data.draw(names)
        leaf = data.draw(st.sampled_from(sorted(one.classes[name])))
        edit = data.draw(
            st.sampled_from(
                [
                    Rename(name, new),
                    SplitByPart(name, "size"),
                    SplitOff(name, frozenset({leaf}), new),
                    Merge((name, one.names[0]), new),
                    MoveOutside(frozenset({leaf})),
                    BringBack(one.outside, new),
                ]
            )
        )
        try:
            one = edit.apply(one, animals.space)
        except TaxonomyError:
            continue
        version += 1
    assert one.version == version
    back = parse_taxonomy(taxonomy_toml(one, animals.space).encode(), "It", animals.space)
    assert (back, list(back.classes.items()), back.version) == (one, list(one.classes.items()), version)
