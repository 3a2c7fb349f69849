"""Splits drawn and mended: always by patient."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.labels import declare_labels, equal_columns, label_of, plain_name, taxonomies
from model_zoo.importing.source import Row, Source, SourceError
from model_zoo.importing.splits import hold_out, parse_shares, patients_together, split_by_patient

TRAIN, VALIDATION, TEST, NONE = Split.TRAIN, Split.VALIDATION, Split.TEST, Split.NONE


def declare(levels, some, in_parts=False):
    source = Source("made up", Path(), levels, tuple(some), in_parts=in_parts)
    space = declare_labels(source, some)
    return source, space, taxonomies(source, some, space)


def rows(n_patients, n_each=3, split=NONE):
    return [
        Row("", f"{p}-{k}", f"{p}-{k}", ("ab"[p % 2],), f"p{p}", split)
        for p in range(n_patients)
        for k in range(n_each)
    ]


def test_shares_are_drawn_by_patient_and_again_the_same():
    some = rows(200)
    drawn = split_by_patient(some, (70, 15, 15))
    assert Counter(drawn) == {TRAIN: 420, VALIDATION: 90, TEST: 90}  # 600 images of equal patients
    of_patient = {(row.patient_id, split) for row, split in zip(some, drawn, strict=True)}
    assert len(of_patient) == 200
    assert split_by_patient(some, (70, 15, 15)) == drawn


def test_without_patients_every_image_is_drawn_by_itself():
    some = [replace(row, patient_id="") for row in rows(40, 1)]
    assert Counter(split_by_patient(some, (50, 25, 25))) == {TRAIN: 20, VALIDATION: 10, TEST: 10}


def test_what_has_a_split_keeps_it():
    some = [*rows(20, 1), Row("", "x", "x", ("a",), "q", TEST)]
    assert split_by_patient(some, (100, 0, 0)) == [TRAIN] * 20 + [TEST]
    assert split_by_patient(some[20:], (100, 0, 0)) == [TEST]


def test_validation_is_held_out_of_training_alone():
    some = [*rows(40, 2, TRAIN), *[replace(row, patient_id=f"q{row.patient_id}") for row in rows(5, 1, TEST)]]
    held = hold_out(some, 10)
    assert Counter(held) == {TRAIN: 72, VALIDATION: 8, TEST: 5}  # 4 of 40 patients
    with pytest.raises(SourceError, match="There is a validation split already"):
        hold_out(rows(40, 1, VALIDATION), 10)


@pytest.mark.parametrize("percent", [0, -5, 7, 55])
def test_a_share_that_cannot_be_is_one_sentence(percent):
    with pytest.raises(SourceError, match="give 5 to 50, in steps of 5"):
        hold_out(rows(40, 1, TRAIN), percent)


@pytest.mark.parametrize(
    "text", ["", "70", "70/30", "70/20/20", "71/14/15", "-5/5/100", "a/b/c", "7²/15/15", "1e1/0/0"]
)
def test_shares_that_cannot_be_are_one_sentence(text):
    with pytest.raises(SourceError, match="write percents of train, validation and test as 70/15/15"):
        parse_shares(text)


def test_shares_are_read():
    assert parse_shares("70/15/15") == (70, 15, 15)
    assert parse_shares("100/0/0") == (100, 0, 0)


def test_too_few_patients_to_draw_from_are_said():
    with pytest.raises(SourceError, match="19 patients are too few"):
        split_by_patient(rows(19), (70, 15, 15))


def test_a_patient_goes_where_most_of_their_images_are():
    patients = ["a", "a", "a", "b", "b", "", "", "c"]
    splits = [TRAIN, TRAIN, TEST, TRAIN, TEST, TRAIN, TEST, NONE]
    whole, moved = patients_together(patients, splits, {})
    assert whole == [TRAIN, TRAIN, TRAIN, TEST, TEST, TRAIN, TEST, NONE]  # b: equal, so test
    assert moved == {"a": 1, "b": 1}
    assert patients_together(["a"], [TRAIN], {"a": TEST}) == ([TEST], {"a": 1})  # where they are in the workspace


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), st.sampled_from(list(Split))), max_size=30))
def test_afterwards_no_patient_is_in_two_splits(drawn):
    patients, splits = [one for one, _ in drawn], [split for _, split in drawn]
    whole, moved = patients_together(patients, splits, {})
    assert sum(moved.values()) == sum(before is not after for before, after in zip(splits, whole, strict=True))
    for patient in {"a", "b", "c"}:
        assert len({split for one, split in zip(patients, whole, strict=True) if one == patient} - {NONE}) <= 1
    assert [s for p, s in zip(patients, whole, strict=True) if not p] == [s for p, s in drawn if not p]


def test_a_coarser_level_must_follow_from_the_finest():
    def leaf(fine, coarse, where=""):
        return Row(where, "f", "f", (fine, coarse))

    some = [leaf("cat", "animal"), leaf("dog", "animal"), leaf("car", ""), leaf("", "")]
    fine, coarse = made = declare(("fine", "coarse"), some)[2]
    assert fine.names == ("car", "cat", "dog")
    assert dict(coarse.classes) == {"animal": {"cat", "dog"}}
    assert coarse.outside == {"car"}
    source, space, _ = declare(("fine", "coarse"), some)
    assert label_of(leaf("", "animal"), source, space, made) == {"cat", "dog"}
    assert label_of(leaf("", ""), source, space, made) == {"cat", "dog", "car"}
    torn = [leaf("cat", "animal", "row 1"), leaf("cat", "vehicle", "row 9")]
    with pytest.raises(SourceError, match=r"'cat' is both 'animal' \(row 1\) and 'vehicle' \(row 9\) in 'coarse'"):
        declare(("fine", "coarse"), torn)


def test_class_names_are_names_and_no_patterns():
    names = ["a.b", "*", "x|y", "back\\slash", "..", "<script>", "=1+1", "\u202eעברית", "🐟", "x" * 300]
    some = [Row("", "f", "f", (name,)) for name in names]
    source, space, (made,) = declare(("class",), some)
    assert len(space.leaves) == len(names)
    for row in some:
        (leaf,) = label_of(row, source, space)
        assert space.parse(space.format(frozenset({leaf}))) == {leaf}
    assert set(made.classes) == set(names)


def test_columns_can_be_parts_of_a_label():
    said = [("left", "top"), ("right", "a.b"), ("left", ""), ("", "")]
    some = [Row("", "f", "f", labels) for labels in said]
    source, space, made = declare(("side", "view"), some, in_parts=True)
    assert space.leaves == (r"left.a\.b", "left.top", r"right.a\.b", "right.top")
    assert [space.format(label_of(row, source, space)) for row in some] == ["left.top", r"right.a\.b", "left.*", "*"]
    assert [(one.name, len(one.classes)) for one in made] == [("leaves", 4), ("side", 2), ("view", 2)]
    other = LeafSpace((Part("view", ("a.b", "top")), Part("side", ("left", "right"))))  # named, so in any order
    assert label_of(some[0], source, other) == {"top.left"}
    with pytest.raises(SourceError, match="it has parts none"):
        label_of(some[0], source, LeafSpace((), ("a",)))


def test_no_label_at_all_and_far_too_many_are_said():
    with pytest.raises(SourceError, match="No image has a label"):
        declare(("class",), [Row("", "f", "f", ("",))])
    with pytest.raises(SourceError, match=r"'class' \(5,001\) makes more than 5,000 leaves"):
        declare(("class",), [Row("", "f", "f", (str(k),)) for k in range(5_001)])


def test_names_that_are_likely_the_same_class():
    assert equal_columns(["Cat", "cat", "dog", "hot-dog", "hot dog"]) == [("Cat", "cat"), ("hot-dog", "hot dog")]


@pytest.mark.parametrize(
    ("text", "name"), [("../../etc", "etc"), ("a.v1", "a_v1"), ("...", "data"), ("Ärzte 1", "Ärzte_1")]
)
def test_a_name_of_a_file_is_made_of_any_text(text, name):
    assert plain_name(text, "data") == name
