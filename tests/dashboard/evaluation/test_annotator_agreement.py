"""Agreement of decisions: small stories with the sums in the margin, and the tables of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from dashboard.decisions.decision import Answer
from dashboard.evaluation.annotator_agreement import agreements, opinions
from tests.dashboard.histories import decision, undo


def said(*answers):
    """Decisions from (image, person, label), in order."""
    return [
        decision(k, image_id=image, before="*", after=label, reviewer=who)
        for k, (image, who, label) in enumerate(answers, start=1)
    ]


def found(animals, decisions, patients=None):
    taxonomy = animals.taxonomy("things")
    return agreements(opinions(decisions, taxonomy, animals.space), taxonomy, patients or {})


def test_what_counts_as_an_opinion(animals):
    decisions = [
        *said(("i", "Ann", "cat.small"), ("i", "Bob", "dog.small"), ("j", "Ann", "car.large"), ("k", "Bob", "*.small")),
        decision(5, Answer.CONFIRM, image_id="j", before="car.large", after="car.large", reviewer="Bob", blind=True),
        decision(6, image_id="i", before="*", after="logo", reviewer="Eve"),
        undo(7, 6, image_id="i", before="logo", after="dog.small", reviewer="Eve"),
        decision(8, Answer.SKIP, image_id="k", before="*", after="*", reviewer="Ann"),
        decision(9, image_id="j", before="*", after="gone.by", reviewer="Ann"),  # a label of an older declaration
    ]
    given = opinions(decisions, animals.taxonomy("things"), animals.space)
    assert (given.people, given.image_ids) == (("Ann", "Bob"), ("i", "j", "k"))
    assert given.ratings.tolist() == [[0, 2, -1], [1, 2, -1]]  # things: cat 0, dog 1, car 2; k is of no one class
    assert (given.n_no_class, given.n_blind, given.n_answers) == (1, 1, 6)


def test_an_adjudication_makes_nobody_agree_more(animals):
    """Ann comes round to Bob's label to end their disagreement: they still rated the image differently."""
    apart = said(("i", "Ann", "cat.small"), ("i", "Bob", "dog.small"))
    settled = decision(3, image_id="i", before="*", after="dog.small", reviewer="Ann", adjudicates=True)
    assert opinions([*apart, settled], animals.taxonomy("things"), animals.space).ratings.tolist() == [[0], [1]]
    assert found(animals, [*apart, settled]).observed.value == 0


def test_only_what_two_people_rated_counts(animals):
    decisions = said(
        ("i", "Ann", "cat.small"), ("i", "Bob", "dog.small"), ("j", "Ann", "car.large"), ("j", "Bob", "car.large"),
        ("k", "Ann", "logo"), ("l", "Eve", "plane.large"),
    )  # fmt: skip
    both = found(animals, decisions)
    assert both.classes == ("cat", "dog", "car")
    assert both.matrix.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 2]]
    assert (both.observed.value, both.observed.n_images) == (0.5, 2)
    assert [(one.name, one.n_ratings, one.agreement.value) for one in both.of_classes] == [
        ("cat", 1, 0), ("dog", 1, 0), ("car", 2, 1)
    ]  # fmt: skip
    assert list(both.of_pairs) == [("Ann", "Bob")]
    assert both.of_pairs["Ann", "Bob"].value == pytest.approx(cohen_kappa_score([0, 2], [1, 2]))
    assert both.disputed == ("i",)


def test_fleiss_needs_as_many_people_for_every_image(animals):
    two = said(("i", "Ann", "logo"), ("i", "Bob", "cat.small"), ("j", "Ann", "logo"), ("j", "Bob", "logo"))
    assert found(animals, two).fleiss is not None
    assert found(animals, [*two, decision(9, image_id="j", after="logo", reviewer="Eve")]).fleiss is None


def test_images_of_one_patient_are_one_draw(animals):
    rng = np.random.default_rng(0)
    names = ["cat.small", "dog.small", "logo"]
    rows = [(f"i{k}", who, names[rng.integers(3)]) for k in range(40) for who in ("Ann", "Bob")]
    alone = found(animals, said(*rows))
    together = found(animals, said(*rows), {f"i{k}": f"p{k % 12}" for k in range(40)})
    assert (alone.observed.n_patients, together.observed.n_patients) == (40, 12)
    assert alone.krippendorff.value == together.krippendorff.value
    assert alone.krippendorff.low <= alone.krippendorff.value <= alone.krippendorff.high


def test_without_two_people_there_is_none(animals):
    assert found(animals, []) is None
    assert found(animals, said(("i", "Ann", "logo"), ("j", "Bob", "logo"))) is None
