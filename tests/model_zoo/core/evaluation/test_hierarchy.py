"""Hierarchical figures and mistake severity: sums in the margin, laws, and hiclass."""

import numpy as np
import pytest
from hiclass import metrics as hiclass_metrics
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.evaluation.evaluation import accuracy
from model_zoo.core.evaluation.hierarchy import Hierarchy, hierarchical, longest_chain, mistake_severity
from model_zoo.core.evaluation.metrics import ClassFigure
from model_zoo.core.label_space.taxonomy import Taxonomy
from tests.evaluations import FOUR, bootstrap, cases, clustered, judged

PAIR = Taxonomy("pair", {"ab": frozenset("ab"), "c": frozenset("c"), "d": frozenset("d")})
ODD = Taxonomy("odd", {"abc": frozenset("abc"), "d": frozenset("d")})
LAST = Taxonomy("last", {"a": frozenset("a"), "b": frozenset("b"), "cd": frozenset("cd")})
NESTED = Hierarchy((FOUR, PAIR, ODD))  # ((a b) c) d


def test_the_height_of_what_two_classes_share():
    assert NESTED.heights[:4, :4].tolist() == [[0, 1, 2, 3], [1, 0, 2, 3], [2, 2, 0, 3], [3, 3, 3, 0]]
    assert NESTED.heights[4, :4].tolist() == [3] * 4  # outside meets every class in the root


def test_a_class_that_the_next_taxonomy_keeps_is_one_node():
    assert NESTED.ancestors.sum(axis=1).tolist() == [3, 3, 2, 1]  # a: a, ab, abc; c: c, abc; d: d
    assert Hierarchy((FOUR, FOUR, PAIR)).ancestors.shape == Hierarchy((FOUR, PAIR)).ancestors.shape
    everything = Taxonomy("everything", {"all": frozenset("abcd")})
    assert (Hierarchy((FOUR, PAIR, everything)).ancestors == Hierarchy((FOUR, PAIR)).ancestors).all()  # the root


def test_hierarchical_figures_by_hand():
    one = judged([0, 0, 3], [1, 2, 3])  # a called b shares {ab, abc}; a called c shares {abc}; d is right
    assert hierarchical(one, NESTED, ClassFigure.PRECISION).mean == pytest.approx((2 + 1 + 1) / (3 + 2 + 1))
    assert hierarchical(one, NESTED, ClassFigure.RECALL).mean == pytest.approx((2 + 1 + 1) / (3 + 3 + 1))
    assert hierarchical(one, NESTED, ClassFigure.F1).mean == pytest.approx(2 * 4 / (6 + 7))
    assert mistake_severity(one, NESTED).mean == pytest.approx((1 + 2) / 2)


def test_with_a_single_taxonomy_a_mistake_is_a_mistake():
    one = judged([0, 1, 2, 3], [0, 1, 3, 2])
    flat = Hierarchy((FOUR,))
    assert {hierarchical(one, flat, figure).mean for figure in ClassFigure} == {accuracy(one).mean}
    assert mistake_severity(one, flat).mean == 1


def test_no_mistakes_have_no_severity():
    right = judged([0, 1], [[0, 1], [0, 0]])
    assert mistake_severity(right, NESTED).per_run.tolist()[1] == 1
    assert np.isnan(mistake_severity(right, NESTED).per_run[0])
    assert np.isnan(mistake_severity(judged([], [[]]), NESTED).mean)
    assert np.isnan(hierarchical(judged([], [[]]), NESTED, ClassFigure.F1).mean)


CHAINS = [(FOUR,), (FOUR, PAIR), (FOUR, PAIR, ODD), (FOUR, LAST)]


@pytest.mark.filterwarnings("ignore:F-score is ill-defined")
@given(cases, st.sampled_from(CHAINS))
def test_hierarchical_figures_are_those_of_hiclass(case, chain):
    truth, answers, _ = case
    one = judged(truth, np.abs(np.array(answers)), None)  # hiclass has no answer outside the tree
    paths = {
        k: [next("".join(sorted(s)) for s in taxonomy.classes.values() if leaf in s) for taxonomy in reversed(chain)]
        for k, leaf in enumerate("abcd")
    }
    for k, said in enumerate(one.predicted):
        y_true, y_pred = (np.array([paths[int(c)] for c in classes]) for classes in (one.truth, said))
        for figure, theirs in [
            (ClassFigure.PRECISION, hiclass_metrics.precision),
            (ClassFigure.RECALL, hiclass_metrics.recall),
            (ClassFigure.F1, hiclass_metrics.f1),
        ]:
            mine = hierarchical(one, Hierarchy(chain), figure).per_run[k]
            assert mine == pytest.approx(theirs(y_true, y_pred), abs=1e-9)


@given(cases, st.sampled_from(CHAINS))
def test_partly_right_is_never_worse_than_wrong(case, chain):
    one = judged(*case)
    for figure in ClassFigure:
        found = hierarchical(one, Hierarchy(chain), figure)
        assert ((found.per_run >= 0) & (found.per_run <= 1) | np.isnan(found.per_run)).all()
    severity = mistake_severity(one, Hierarchy(chain)).per_run
    assert ((severity >= 1) & (severity <= len(chain)) | np.isnan(severity)).all()
    assert (np.isnan(severity) == (accuracy(one).per_run == 1)).all()


def test_more_levels_make_confusions_within_a_group_cheaper():
    one = judged([0, 1, 2, 3], [1, 0, 2, 3])  # a and b confused, which PAIR does not tell apart
    flat, nested = (hierarchical(one, Hierarchy(chain), ClassFigure.F1).mean for chain in [(FOUR,), (FOUR, PAIR)])
    assert flat < nested


@pytest.mark.parametrize(
    "figure",
    [lambda e, f=f: hierarchical(e, NESTED, f) for f in ClassFigure] + [lambda e: mistake_severity(e, NESTED)],
    ids=[*ClassFigure, "severity"],
)
def test_intervals_are_those_of_a_patient_bootstrap(figure):
    one = clustered()
    mine = figure(one).share
    low, high = bootstrap(one, lambda drawn: figure(drawn).mean)
    assert (mine.high - mine.low) / (high - low) == pytest.approx(1, abs=0.15)
    assert (mine.low, mine.high) == pytest.approx((low, high), abs=0.2 * (high - low))


def test_the_longest_chain_goes_from_fine_to_coarse():
    assert longest_chain([ODD, LAST, FOUR, PAIR]) == (FOUR, PAIR, ODD)
    assert longest_chain([ODD, LAST, FOUR, PAIR], first=LAST) == (LAST,)
    assert longest_chain([ODD, LAST, FOUR, PAIR], first=PAIR) == (PAIR, ODD)
    assert longest_chain([]) == ()
    twin = Taxonomy("twin", PAIR.classes)
    assert len(longest_chain([FOUR, PAIR, twin])) == 2  # neither of two equal taxonomies is coarser


def test_what_is_no_hierarchy_is_refused_in_a_sentence():
    with pytest.raises(TaxonomyError, match="cannot be projected"):
        Hierarchy((PAIR, LAST))
    with pytest.raises(TaxonomyError, match="at least one taxonomy"):
        Hierarchy(())
    with pytest.raises(TaxonomyError, match="starts with 'pair', the evaluation stands in 'four'"):
        mistake_severity(judged([0], [0]), Hierarchy((PAIR,)))
