"""What is in a data set, against pandas reading the same manifest."""

import math

import pandas as pd
import pytest
from scipy.stats import entropy

from dashboard.address.data_view import CountedBy, DataView, Finding, read_data_view
from dashboard.address.selection import Labels
from dashboard.evaluation.cell_images import Filters, list_images
from dashboard.evaluation.default_selection import default_counts
from dashboard.evaluation.image_counts import (
    NO_CLASS,
    NO_PATIENT,
    CountGroup,
    count_by,
    count_classes,
    effective_number,
    n_patients,
    splits_of,
)
from dashboard.evaluation.image_counts_words import balance, spread
from model_zoo.core.errors import LinkError
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.manifest import DataSet, ImageRecord


@pytest.fixture(scope="module")
def table(animals):
    return pd.read_csv(animals.writable / "manifest.csv", dtype=str, keep_default_na=False)


def as_table(groups):
    return {one.name: (one.n_images, one.n_patients, dict(one.images), dict(one.patients)) for one in groups}


def by_pandas(frame):
    return (
        len(frame),
        frame.patient_id.nunique(),
        frame.groupby("split").size().to_dict(),
        frame.groupby("split").patient_id.nunique().to_dict(),
    )


@pytest.mark.parametrize(
    ("by", "name", "column"),
    [
        (CountedBy.LABEL, None, "label"),
        (CountedBy.PATIENT, None, "patient_id"),
        (CountedBy.COLUMN, "camera", "camera"),
    ],
)
def test_counts_are_those_of_the_manifest(animals, table, by, name, column):
    dataset = animals.dataset()
    found = as_table(count_by(dataset, dataset.labels, by, name))
    assert found == {value: by_pandas(frame) for value, frame in table.groupby(column)}


def test_classes_come_in_the_order_of_the_taxonomy_and_what_is_outside_last(animals, table):
    dataset, space = animals.dataset(), animals.space
    cats = Taxonomy("cats", {"cat": space.parse("cat.*")}, outside=space.everything - space.parse("cat.*"))
    groups = count_classes(dataset, dataset.labels, cats)
    is_cat = table.label.str.startswith("cat.")
    assert as_table(groups) == {"cat": by_pandas(table[is_cat]), NO_CLASS: by_pandas(table[~is_cat])}
    assert [one.name for one in groups] == ["cat", NO_CLASS]
    assert [one.answers for one in groups] == [True, False]


def test_a_group_opens_exactly_its_images(animals):
    dataset = animals.dataset()
    ways = [count_by(dataset, dataset.labels, by, "camera") for by in CountedBy if by is not CountedBy.CLASS]
    for groups in [*ways, count_classes(dataset, dataset.labels, animals.taxonomy("kinds"))]:
        for one in groups:
            listed = list_images(dataset, dataset.labels, None, Filters(where=one.where))
            assert len(listed) == one.n_images


def test_numbers_are_counted_in_ranges_that_hold_all_of_them(animals):
    space = animals.space
    images = [
        ImageRecord(f"i{k}", f"{k}.png", Split.TRAIN, "", space.everything, {"age": str(k) if k else ""})
        for k in range(41)
    ]
    dataset = DataSet(space, tuple(images))
    groups = count_by(dataset, dataset.labels, CountedBy.COLUMN, "age")
    assert sum(one.n_images for one in groups) == 41
    assert groups[-1].name == "(empty)"
    assert len(groups) == 5
    for one in groups:
        assert len(list_images(dataset, dataset.labels, None, Filters(where=one.where))) == one.n_images


def test_who_has_no_name_is_a_patient_per_image_and_no_group_of_their_own(animals):
    space = animals.space
    images = [ImageRecord(f"i{k}", f"{k}.png", Split.TEST, "p" if k < 2 else "", space.everything) for k in range(5)]
    dataset = DataSet(space, tuple(images))
    named, nameless = count_by(dataset, dataset.labels, CountedBy.PATIENT, None)
    assert (named.name, named.n_images, nameless.name, nameless.n_patients) == ("p", 2, NO_PATIENT, 3)
    assert n_patients(images) == 4
    assert splits_of(dataset) == (Split.TEST,)


def group(name, train, test=0, patients=99):
    return CountGroup(name, None, {Split.TRAIN: train, Split.TEST: test}, dict.fromkeys(Split, patients), patients)


def test_balance_says_what_leads_what_lacks_and_what_is_rare():
    groups = [group("cat", 60, 6), group("dog", 20, 2, patients=3), group("eel", 0, 0, patients=0)]
    told = " ".join(balance(groups, [Split.TRAIN, Split.TEST], CountedBy.CLASS))
    assert "cat (66, 3.0 times as many as dog, 22)" in told
    assert "right for 75.0 % of 88 images" in told  # 66 / 88
    assert "No image in test: eel (1 class)" in told
    assert "Fewer than 10 patients in train: dog (3)" in told
    assert effective_number(groups) == pytest.approx(math.exp(entropy([66, 22])))
    assert math.isnan(effective_number([]))
    assert list(balance([group("a", 7), group("b", 7)], [], CountedBy.CLASS)) == ["All 2 classes have 7 images each."]
    assert spread([group("a", 3), group("b", 3)], "patient") == "2 patients with 3 images each."
    assert "nothing to tell apart" in " ".join(balance(groups[:1], [], CountedBy.CLASS))
    assert spread([group("a", 1), group("b", 4)], "value") == "2 values with 1 to 4 images each, 2.5 in the middle."


def test_an_address_says_what_is_counted(animals):
    default = default_counts(animals)
    assert (default.by, default.name) == (CountedBy.CLASS, "things")
    assert read_data_view({}, default) == default
    asked = {"by": ["column:a:b"], "labels": ["reviewed"], "found": ["blank"]}
    view = read_data_view(asked, default)
    assert view == DataView(CountedBy.COLUMN, "a:b", Labels.REVIEWED, Finding.BLANK)
    assert read_data_view({"by": [view.written]}, default).written == view.written
    for wrong in ("class", "class:", "label:x", "shape:x", ""):
        with pytest.raises(LinkError, match="it can be class:TAXONOMY, label, patient, column:NAME"):
            read_data_view({"by": [wrong]}, default)
