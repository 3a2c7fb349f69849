"""What reviewing changed, against counts by pandas from the files and the decisions that these tests make."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from dashboard.address.links import Cell, Filter, read_cell
from dashboard.address.queue import Order
from dashboard.address.selection import Labels, Space
from dashboard.evaluation import label_change_effect_words as words
from dashboard.evaluation.cell_images import Filters, Judged, list_images
from dashboard.evaluation.comparison import compare, find_subjects
from dashboard.evaluation.filters import images_matching
from dashboard.evaluation.label_change_effect import changed_images, label_change_effect
from dashboard.evaluation.queue_order import ordered
from dashboard.review.record_decision import decide
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.label_space.splits import Split
from model_zoo.core.review.label_change_effect import LabelChangeEffect

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}
OTHER = {"cat.small": "car.small", "car.small": "dog.small", "dog.large": "dog.small"}
"""Wrong by kind; wrong by kind the other way; another leaf of the same class."""


@pytest.fixture
def desk(fresh_animals):
    return Desk(fresh_animals)


def subjects(desk, *names):
    series = {one.card.taxonomy.name: one.series_id for one in desk.series()}
    return find_subjects(desk.series(), [series.get(name, name) for name in names])


def table(desk):
    """The test images: their label, and whether each run calls them right, by kind, under a series of labels."""
    manifest = pd.read_csv(desk.workspace.writable / "manifest.csv").set_index("image_id")
    return manifest[manifest.split == "test"]


def right(desk, run_id, labels):
    """Whether a run is right by kind on each test image, from its file alone."""
    frame = pd.read_parquet(desk.workspace.writable / "runs" / run_id / "predictions_test.parquet")
    said = frame.set_index("image_id").idxmax(axis=1).str.removeprefix("p:")
    kind = said.map(lambda name: KIND.get(name, name))
    return kind == labels.loc[said.index].str.split(".").str[0].map(KIND)


def say(desk, image_ids, chosen_by, labels=None, answer="confirm", browser="first"):
    """Ann decides; ``labels`` maps an image to its new label, the others are ``answer``ed."""
    proposals = [
        {"client_id": f"{browser}: {chosen_by}", "seq": k, "reviewer": "Ann", "image_id": one, "chosen_by": chosen_by}
        | ({"answer": "relabel", "after": labels[one]} if one in (labels or {}) else {"answer": answer})
        for k, one in enumerate(image_ids, 1)
    ]
    outcome = decide(desk.store, desk.workspace.space, desk.dataset().labels, proposals, lambda: datetime.now(UTC))
    assert not outcome.refused


def draw(desk, n, seed=1, **options):
    """The first ``n`` images of the random queue, and what each decision about them says."""
    queue = ordered(desk, (), Order.RANDOM, Space.COMMON, Split.TEST, Labels.ORIGINAL, seed, **options)
    return [item.image_id for item in queue.items[:n]], queue.chosen_by


def corrected(desk, image_ids):
    """New labels of those of the images that `OTHER` knows."""
    labels = table(desk).label.loc[list(image_ids)]
    return {one: OTHER[label] for one, label in labels.items() if label in OTHER}


def look(desk, *names, where=None, space=Space.COMMON):
    return label_change_effect(desk, subjects(desk, *names), space, Split.TEST, where)


def test_without_a_decision_there_is_nothing_to_say(desk):
    assert look(desk, "things", "kinds") is None
    say(desk, draw(desk, 3)[0], "a list from Images", answer="cannot_tell")
    assert look(desk, "things") is None
    assert words.reviewed_part(None).startswith("As reviewed: no image is reviewed yet")


def test_before_and_after_and_what_moved_are_what_pandas_counts(desk):
    before = table(desk).label
    reviewed = list(before.index[:30])
    say(desk, reviewed, "a list from Images", corrected(desk, reviewed))
    after = before.replace({}).copy()
    after.update(pd.Series(corrected(desk, reviewed)))
    found = look(desk, "things", "kinds")
    assert (found.n_images, found.reviewed) == (len(before), set(reviewed))
    assert found.relabelled == set(before.index[before != after])
    assert (found.sample, found.seed, found.differences) == ((), None, {})
    for changed, runs in zip(found.subjects, (["things-s0", "things-s1", "things-s2"], ["kinds-s0", "kinds-s1"])):
        was, now = (pd.DataFrame({run: right(desk, run, labels) for run in runs}) for labels in (before, after))
        assert changed.figures[Headline.ACCURACY] == pytest.approx((was.mean().mean(), now.mean().mean()))
        for moved, tables in ((LabelChangeEffect.RIGHT, now & ~was), (LabelChangeEffect.WRONG, was & ~now)):
            n_runs = tables.sum(axis=1)
            assert changed.moved[moved] == n_runs[n_runs > 0].to_dict()
        same = (was == now).all(axis=1) & (before != after)
        assert set(changed.moved[LabelChangeEffect.SAME]) == set(same.index[same])
        assert changed.wrong_looked == pytest.approx(1 - was.loc[reviewed].mean().mean())
        assert changed.estimate is None
    assert "one-sided: only 30 images of 60 were looked at" in words.lean(found, found.subjects[0])
    assert "no estimate of accuracy" in words.lean(found, found.subjects[0])


@pytest.mark.parametrize(("is_right", "way"), [(False, "this can only rise"), (True, "this can only fall")])
def test_what_was_looked_at_says_which_way_figures_can_go(desk, is_right, way):
    calls = right(desk, "things-s0", table(desk).label)
    say(desk, calls.index[calls == is_right][:5], "a list from Images")
    found = look(desk, "things-s0", "kinds")
    assert way in words.lean(found, found.subjects[0])
    assert "one-sided" in words.reviewed_part(found)


def test_the_estimate_is_the_old_figure_and_the_mean_correction_of_the_drawn(desk):
    before = table(desk).label
    order = sorted(before.index, key=lambda one: hashlib.sha256(f"7:{one}".encode()).digest())
    sample, chosen_by = draw(desk, 24, seed=7)
    assert sample == order[:24]
    say(desk, sample, chosen_by, corrected(desk, sample))
    after = before.copy()
    after.update(pd.Series(corrected(desk, sample)))
    found = look(desk, "things", "kinds")
    assert (list(found.sample), found.seed, found.chosen) == (sample, 7, False)
    means = []
    for changed, runs in zip(found.subjects, (["things-s0", "things-s1", "things-s2"], ["kinds-s0", "kinds-s1"])):
        was, now = (sum(right(desk, run, labels) for run in runs) / len(runs) for labels in (before, after))
        means.append((was.mean(), was.mean() + (now - was).loc[sample].mean()))
        assert (changed.estimate.before, changed.estimate.value) == pytest.approx(means[-1])
        assert changed.estimate.low < changed.estimate.value < changed.estimate.high
    (difference,) = found.differences.values()
    assert difference.before == pytest.approx(means[1][0] - means[0][0])
    assert difference.value == pytest.approx(means[1][1] - means[0][1])
    assert "from the 24 images that come first in random order (seed 7" in words.sample(found)
    assert "Accuracy alone is estimated" in words.sample(found)
    assert "not one-sided" in words.lean(found, found.subjects[0])
    assert "drawn by chance" in words.reviewed_part(found)
    assert "ranking may hold or turn" in words.ranking(found, found.subjects[1])


def test_gaps_are_said_and_widen_the_interval(desk):
    sample, chosen_by = draw(desk, 20)
    say(desk, sample[:19:2], chosen_by)
    with_gaps = look(desk, "things").subjects[0].estimate
    assert (with_gaps.n_drawn, with_gaps.n_gaps) == (19, 9)
    assert "9 of them have no label" in words.sample(look(desk, "things"))
    say(desk, sample[1:19:2], chosen_by, browser="second")
    without = look(desk, "things").subjects[0].estimate
    assert without.n_gaps == 0
    assert with_gaps.low < without.low
    assert without.high < with_gaps.high


def test_all_reviewed_leaves_nothing_to_estimate(desk):
    everything = list(table(desk).index)
    say(desk, everything, "a list from Images", corrected(desk, everything))
    found = look(desk, "things", "kinds")
    assert (found.complete, found.seed) == (True, None)
    for changed in found.subjects:
        after = changed.figures[Headline.ACCURACY][1]
        assert (changed.estimate.low, changed.estimate.value, changed.estimate.high) == pytest.approx((after,) * 3)
        assert words.lean(found, changed) == ""
    assert "nothing is estimated" in words.sample(found)


def test_a_restricted_draw_serves_its_images_alone_and_a_whole_one_serves_any(desk):
    camera = Filter("camera", "B")
    only = images_matching(camera, desk.dataset(), desk.dataset().labels)
    narrow, chosen_by = draw(desk, 8, where=(camera,), only=only)
    say(desk, narrow, chosen_by)
    assert look(desk, "things").subjects[0].estimate is None
    assert look(desk, "things", where=camera).sample == tuple(narrow)
    whole, chosen_by = draw(desk, 30, seed=2)
    say(desk, whole, chosen_by)
    kept = tuple(one for one in whole if one in only)
    assert look(desk, "things", where=camera).sample[: len(kept) - 1] == kept[:-1]
    assert set(look(desk, "things").sample) <= set(whole)


def test_labels_as_reviewed_move_so_that_a_draw_of_them_is_none(desk):
    cats = Filter("label", "cat.*")

    def review(which, seed):
        only = images_matching(cats, desk.dataset(), desk.labels(which))
        queue = ordered(desk, (), Order.RANDOM, Space.COMMON, Split.TEST, which, seed, where=(cats,), only=only)
        say(desk, [item.image_id for item in queue.items[:4]], queue.chosen_by)

    review(Labels.REVIEWED, 3)
    assert look(desk, "things", where=cats).sample == ()
    review(Labels.ORIGINAL, 4)
    assert look(desk, "things", where=cats).seed == 4


def test_images_that_labels_bring_in_and_out_are_named(desk):
    first, second = table(desk).index[:2]
    say(desk, [first], "a list from Images", {first: "*.small"})
    found = look(desk, "things")
    assert found.subjects[0].moved[LabelChangeEffect.LEFT_OUT] == {first: 3}
    say(desk, [second], "another list", {second: "logo|cat.small"})
    assert set(look(desk, "things").subjects[0].moved[LabelChangeEffect.LEFT_OUT]) == {first, second}


def test_a_link_opens_the_images_that_moved(desk):
    reviewed = list(table(desk).index[:30])
    say(desk, reviewed, "a list from Images", corrected(desk, reviewed))
    found = look(desk, "things", "kinds")
    both, patients = subjects(desk, "things", "kinds"), desk.dataset().patients
    original = desk.labels(Labels.ORIGINAL)
    comparison = compare(both, Space.COMMON, Split.TEST, Labels.ORIGINAL, original, patients)
    evaluation, stored = comparison.evaluations[0], tuple(run.predictions(Split.TEST) for run in both[0].runs)
    for moved in (LabelChangeEffect.RIGHT, LabelChangeEffect.WRONG, LabelChangeEffect.SAME):
        cell = Cell(both[0].subject_id, moved=moved)
        assert read_cell({k: tuple(v) for k, v in cell.query().items()}) == cell
        images = changed_images(desk, comparison, cell.subject, moved)
        judged = Judged(both[0], evaluation, stored, moved=images)
        listed = list_images(desk.dataset(), original, Split.TEST, Filters(), judged, cell)
        assert {one.image.image_id: one.n_in_cell for one in listed} == found.subjects[0].moved[moved]
    with pytest.raises(LinkError, match="moved = 'up'"):
        read_cell({"cell": ("x",), "moved": ("up",)})


def test_native_rows_of_several_label_spaces_say_that_they_answer_different_questions(desk):
    say(desk, *draw(desk, 10))
    found = look(desk, "things", "kinds", space=Space.NATIVE)
    assert "answer different questions" in found.basis
    assert found.differences == {}
    assert words.ranking(found, found.subjects[1]) == ""


def test_the_ranking_turned_is_said_from_the_interval_alone(desk):
    say(desk, *draw(desk, 10))
    found = look(desk, "things", "kinds")
    (key, estimate), one = *found.differences.items(), found.subjects[1]

    def said(before, low, high):
        other = replace(estimate, before=before, value=(low + high) / 2, low=low, high=high)
        return words.ranking(replace(found, differences={key: other}), one)

    assert said(0.02, -0.05, -0.01).startswith("The ranking turned. kinds · 2 seeds minus things · 3 seeds, accuracy: ")
    assert said(0.02, -0.05, 0.01).startswith("Inconclusive: the ranking may hold or turn.")
    assert said(0.02, 0.01, 0.05).startswith("The ranking holds.")
    figures = "+2.0 points by the original labels, −3.0 if all were reviewed (95 % −5.0 to −1.0)"
    assert figures in said(0.02, -0.05, -0.01)
    assert np.isfinite(estimate.value)


def test_the_share_of_wrong_labels_is_estimated_from_the_random_review(desk):
    ids, chosen_by = draw(desk, 24)
    wrong = corrected(desk, ids)
    say(desk, ids, chosen_by, wrong)
    found = look(desk, "things", "kinds")
    kinds = table(desk).label.str.split(".").str[0].map(KIND)
    changed = [one for one, label in wrong.items() if KIND[label.split(".")[0]] != kinds[one]]
    rate = found.label_errors
    assert changed
    assert rate.value == pytest.approx(len(changed) / len(ids))
    assert len(changed) / rate.n_images <= rate.low <= rate.value <= rate.high
    assert look(desk, "things").label_errors.value >= rate.value  # finer classes: more labels are wrong
