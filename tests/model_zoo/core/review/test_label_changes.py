"""What becomes of labels: small tables with the sum in the margin, and laws."""

from collections import Counter

import hypothesis.strategies as some
from hypothesis import given

from model_zoo.core.label_space.labels import Label, LeafSpace, Part
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.review.label_changes import LabelFlow, label_changes, label_flows, n_by_name, named_by

SPACE = LeafSpace((Part("thing", ("cat", "dog", "car")), Part("size", ("small", "large"))))
KINDS = Taxonomy("kinds", {"animal": SPACE.parse("cat.*|dog.*"), "vehicle": SPACE.parse("car.*")})


def labelled(**texts: str) -> dict[str, Label]:
    return {image_id: SPACE.parse(text) for image_id, text in texts.items()}


BEFORE = labelled(a="cat.small", b="cat.small", c="dog.large", d="car.small", e="car.small", gone="cat.large")
AFTER = labelled(a="cat.small", b="dog.small", c="car.large", d="*.small", e="cat.small", new="car.large")


def test_every_image_is_in_one_of_four_lists() -> None:
    found = label_changes(BEFORE, AFTER)
    assert (found.changed, found.equal) == (("b", "c", "d", "e"), ("a",))
    assert (found.only_before, found.only_after) == (("gone",), ("new",))


def test_flows_by_class_and_by_label() -> None:
    assert label_flows(BEFORE, AFTER, named_by(KINDS)) == (
        LabelFlow("animal", "animal", ("b",)),  # cat to dog: the class holds both
        LabelFlow("animal", "vehicle", ("c",)),
        LabelFlow("vehicle", None, ("d",)),  # any small thing fits no single class
        LabelFlow("vehicle", "animal", ("e",)),
    )
    assert LabelFlow("car.small", "*.small", ("d",)) in label_flows(BEFORE, AFTER, SPACE.format)


def test_many_before_few() -> None:
    found = label_flows(
        labelled(a="cat.small", b="car.small", c="car.large"), labelled(a="car.small", b="*", c="*"), named_by(KINDS)
    )
    assert [len(one.image_ids) for one in found] == [2, 1]


labellings = some.dictionaries(
    some.sampled_from("abcdefghij"), some.frozensets(some.sampled_from(SPACE.leaves), min_size=1), max_size=10
)


@given(before=labellings, after=labellings)
def test_what_left_and_came_is_the_difference_of_the_counts(before: dict[str, Label], after: dict[str, Label]) -> None:
    changes, found = label_changes(before, after), label_flows(before, after, named_by(KINDS))
    assert sorted(one for flow in found for one in flow.image_ids) == sorted(changes.changed)
    lists = (changes.changed, changes.equal, changes.only_before, changes.only_after)
    assert sorted(one for ids in lists for one in ids) == sorted({*before, *after})
    both = [image_id for image_id in before if image_id in after]
    n_before, n_after = (n_by_name((side[one] for one in both), named_by(KINDS)) for side in (before, after))
    moved: Counter[str | None] = Counter()
    for flow in found:
        moved[flow.target] += len(flow.image_ids)
        moved[flow.source] -= len(flow.image_ids)
    assert all(n_after[name] - n_before[name] == moved[name] for name in ("animal", "vehicle", None))


@given(before=labellings, after=labellings)
def test_backwards_every_flow_runs_the_other_way(before: dict[str, Label], after: dict[str, Label]) -> None:
    there, back = (label_flows(*sides, named_by(KINDS)) for sides in ((before, after), (after, before)))
    assert {(f.source, f.target, frozenset(f.image_ids)) for f in there} == {
        (f.target, f.source, frozenset(f.image_ids)) for f in back
    }
