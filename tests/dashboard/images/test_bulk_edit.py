"""What one choice makes of many labels, and images laid out by what a run makes of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.images.bulk_edit import LabelChoice, label_changes, label_choices
from dashboard.images.embedding import _laid_out
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.taxonomy import Taxonomy

SPACE = LeafSpace(
    (Part("shape", ("round", "long")), Part("mark", ("yes", "no"))), ("blank",), ({"shape": "long", "mark": "no"},)
)
MARKED = Taxonomy("marked", {"yes": SPACE.parse("*.yes"), "no": SPACE.parse("round.no|blank")})


def test_everything_a_reviewer_can_say_is_offered_once() -> None:
    found = label_choices(SPACE, [MARKED])
    assert [one.words for one in found["mark"]] == ["mark = yes", "mark = no", "mark unknown"]
    assert [one.words for one in found["marked (classes)"]] == ["yes", "no"]
    assert [one.words for one in found["other"]] == ["blank"]


def test_a_choice_keeps_what_it_does_not_say_and_names_what_cannot_be() -> None:
    labels = {name: SPACE.parse(text) for name, text in {"a": "round.yes", "b": "long.yes", "c": "round.no"}.items()}
    made = label_changes(LabelChoice("mark = no", part="mark", value="no"), labels, SPACE)
    assert {name: SPACE.format(label) for name, label in made.labels.items()} == {"a": "round.no", "c": "round.no"}
    assert made.same == {"c"}
    assert made.impossible == ("b",)


@given(st.lists(st.sets(st.sampled_from(SPACE.leaves), min_size=1), max_size=6), st.data())
def test_saying_it_twice_changes_nothing_more(sets: list[set[str]], data: st.DataObject) -> None:
    labels = {str(k): frozenset(one) for k, one in enumerate(sets)}
    choice = data.draw(st.sampled_from([one for group in label_choices(SPACE, [MARKED]).values() for one in group]))
    first = label_changes(choice, labels, SPACE)
    second = label_changes(choice, first.labels, SPACE)
    assert second.labels == first.labels
    assert second.same == set(first.labels)
    assert {*first.labels, *first.impossible} == set(labels)


@pytest.mark.parametrize("n", [12, 90])
def test_images_that_are_alike_lie_together_and_the_map_is_the_same_each_time(n: int) -> None:
    random = np.random.default_rng(0)
    kind = np.arange(n) % 3
    vectors = (10 * np.eye(3)[kind] @ random.normal(size=(3, 16)) + random.normal(size=(n, 16))).astype(np.float32)
    vectors *= random.uniform(0.5, 2, size=(n, 1))  # how long a vector is says nothing
    places = _laid_out(vectors)
    np.testing.assert_array_equal(places, _laid_out(vectors))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (kind[apart.argmin(axis=1)] == kind).mean() > 0.9
