"""Figures over some images only: which they are, what is offered, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.address.links import Cell, Filter
from dashboard.address.selection import Labels, Space
from dashboard.evaluation.cell_images import Filters, Judged, list_images
from dashboard.evaluation.comparison import compare, find_subjects
from dashboard.evaluation.filters import available_filters, images_matching
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation.evaluation import accuracy
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.manifest import DataSet, ImageRecord

SPACE = LeafSpace((Part("thing", ("cat", "dog")),))


def dataset(ages, cameras=None, split=Split.TEST):
    images = []
    for k, age in enumerate(ages):
        label = SPACE.parse(("cat", "dog", "*")[k % 3])
        columns = {"age": age, "camera": cameras[k] if cameras else "A"}
        images.append(ImageRecord(f"i{k}", f"{k}.png", split, "", label, columns))
    return DataSet(SPACE, tuple(images))


def ids(where, data):
    return sorted(images_matching(where, data, data.labels))


def test_a_value_a_range_and_a_label_name_their_images():
    data = dataset(["1", "2.5", "", "10", "-3"], ["A", "B", "A:1", "A", ""])
    assert ids(Filter("camera", "A"), data) == ["i0", "i3"]
    assert ids(Filter("camera", "A:1"), data) == ["i2"]
    assert ids(Filter("camera", ""), data) == ["i4"]
    assert ids(Filter("age", "1..10"), data) == ["i0", "i1"]  # from 1 to under 10; an empty age is in no range
    assert ids(Filter("age", "..1"), data) == ["i4"]
    assert ids(Filter("age", "2.5.."), data) == ["i1", "i3"]
    assert ids(Filter("age", "2.5"), data) == ["i1"]
    assert ids(Filter("label", "cat"), data) == ["i0", "i3"]  # an unknown label is within none but "*"
    assert ids(Filter("label", "*"), data) == ["i0", "i1", "i2", "i3", "i4"]


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (Filter("lens", "A"), "no column 'lens' to restrict to; it can be label, patient_id, age, camera"),
        (Filter("camera", "Z" * 500), "No image has camera = 'Z{40}'; it can be A, B"),
        (Filter("camera", "1..2"), "'camera' does not hold numbers only"),
        (Filter("age", ".."), "No image has age"),
        (Filter("age", "nan.."), "No image has age"),
        (Filter("age", "1..2..3"), "No image has age"),
        (Filter("label", "horse"), "asks for a label that does not exist"),
        (Filter("split", "test"), "no column 'split'"),
    ],
)
def test_what_names_no_image_is_one_sentence(where, sentence):
    data = dataset(["1", "2", "3"], ["A", "B", "A"])
    with pytest.raises(LinkError, match=sentence):
        images_matching(where, data, data.labels)


def test_a_column_with_one_word_among_numbers_is_none_of_numbers():
    for odd in ("old", "inf"):
        with pytest.raises(LinkError, match="does not hold numbers only"):
            ids(Filter("age", "1..3"), dataset(["1", odd]))


@given(st.lists(st.floats(-1e6, 1e6).map("{:.6g}".format), min_size=1, max_size=60))
def test_the_ranges_offered_hold_every_image_exactly_once(ages):
    data = dataset(ages)
    offered = available_filters(data, data.images, Taxonomy("all", {"x": SPACE.everything}))
    ranges = [where for where in offered if where.column == "age" and where.range]
    if len(set(ages)) > 12:
        found = [image_id for where in ranges for image_id in images_matching(where, data, data.labels)]
        assert sorted(found) == sorted(data.by_id)
    else:
        assert not ranges


def test_what_is_offered_has_a_name_and_images():
    data = dataset([str(k) for k in range(40)], ["AB"[k % 2] for k in range(40)])
    pets = Taxonomy("pets", {"meow": SPACE.parse("cat"), "woof": SPACE.parse("dog")})
    named = available_filters(data, data.images, pets)
    assert list(named.values())[-4:] == ["camera = A", "camera = B", "true class meow", "true class woof"]
    assert list(named.values())[:2] == ["age < 9.75", "9.75 ≤ age < 19.5"]
    assert all(images_matching(where, data, data.labels) for where in named)


def test_a_restricted_comparison_counts_over_its_images_alone_and_opens_exactly_them(animals):
    data = animals.dataset()
    where = Filter("camera", "B")
    only = images_matching(where, data, data.labels)
    series = {one.card.taxonomy.name: one.series_id for one in animals.series()}
    subjects = find_subjects(animals.series(), [series["things"], series["kinds"]])
    given_ = subjects, Space.COMMON, Split.TEST, Labels.ORIGINAL, data.labels, data.patients
    every, some = compare(*given_), compare(*given_, where=where, only=only)
    manifest = pd.read_csv(animals.writable / "manifest.csv").query("split == 'test' and camera == 'B'")
    assert set(some.evaluations[0].image_ids) == set(manifest.image_id)
    whole, part = every.evaluations[0], some.evaluations[0]
    inside = np.array([image_id in only for image_id in whole.image_ids])
    assert accuracy(part).per_run == pytest.approx(whole.right[:, inside].mean(axis=1))
    n = f"{len(manifest)} images of {manifest.patient_id.nunique()} patients"
    start = f"Common ground (kinds, 3 classes); test split where camera = B, original labels, {n}"
    assert some.basis(part).startswith(f"{start} (each image counts as its own patient")
    stored = tuple(run.predictions(Split.TEST) for run in subjects[0].runs)
    judged = Judged(subjects[0], part, stored)
    for true in part.taxonomy.names:
        for predicted in part.taxonomy.names:
            cell = Cell(subjects[0].subject_id, (true,), (predicted,))
            listed = list_images(data, data.labels, Split.TEST, Filters(where=where), judged, cell)
            i, j = (part.taxonomy.class_index(name) for name in (true, predicted))
            assert sum(one.n_in_cell for one in listed) == pytest.approx(3 * part.confusion.counts[i, j])
            assert {one.image.columns["camera"] for one in listed} <= {"B"}
    everything = list_images(data, data.labels, Split.TEST, Filters(where=where), judged, Cell(subjects[0].subject_id))
    assert {one.image.image_id for one in everything} == set(manifest.image_id)


def test_a_restriction_to_another_split_leaves_nothing_to_judge_and_no_crash(animals):
    data = animals.dataset()
    only = frozenset(image.image_id for image in data.split(Split.TRAIN))
    (subject,) = find_subjects(animals.series(), [animals.series()[0].series_id])
    given_ = (subject,), Space.NATIVE, Split.TEST, Labels.ORIGINAL, data.labels, data.patients
    assert np.isnan(accuracy(compare(*given_, only=only).evaluations[0]).mean)


def test_without_runs_no_class_is_offered_but_columns_are():
    data = dataset([str(k) for k in range(4)], ["A", "B", "A", "B"])
    assert [where.column for where in available_filters(data, data.images, None)] == ["age"] * 4 + ["camera"] * 2
