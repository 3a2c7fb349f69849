"""The orders of the review queue against figures counted from the files by other code."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cleanlab.rank import get_label_quality_scores

from dashboard.address.queue import Order
from dashboard.address.selection import Labels, Space
from dashboard.decisions.queue import QueueItem, ranked_queue
from dashboard.evaluation.comparison import find_subjects
from dashboard.evaluation.queue_order import Queue, ordered
from dashboard.evaluation.rankings import wrong_in_any
from dashboard.review import queue_items
from dashboard.review.queue_items import shown_items
from dashboard.review.record_decision import decide
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.inference.predict import fitted_pixels
from model_zoo.training.cross_fit import cross_fit
from model_zoo.training.train import read_pixels, train
from tests.drawn_workspace import TINY, make, shapes

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}


@pytest.fixture(scope="module")
def desk(animals):
    return Desk(animals)


def queue(desk, order, *names, space=Space.COMMON, split=Split.TEST, which=Labels.ORIGINAL, seed=1):
    series = {one.card.taxonomy.name: one.series_id for one in desk.series()}
    subjects = find_subjects(desk.series(), [series.get(name, name) for name in names])
    return ordered(desk, subjects, order, space, split, which, seed)


def frames(desk, taxonomy, split="test"):
    """Images x classes of each run of a taxonomy, from the Parquet files alone."""
    found = []
    for folder in sorted((desk.workspace.writable / "runs").glob(f"{taxonomy}-s*")):
        frame = pd.read_parquet(folder / f"predictions_{split}.parquet").set_index("image_id")
        found.append(frame.rename(columns=lambda name: name.removeprefix("p:")))
    return found


def given_of(desk, frame):
    manifest = pd.read_csv(desk.workspace.writable / "manifest.csv").set_index("image_id")
    return manifest.label.loc[frame.index].str.split(".").str[0]


def summed(frame):
    """The classes of `things` as those of `kinds`, probabilities summed."""
    return frame.T.groupby(KIND).sum().T[["animal", "vehicle", "logo"]]


def ids(found):
    return [item.image_id for item in found.items]


def test_wrong_in_most_runs(desk):
    things, kinds = frames(desk, "things"), frames(desk, "kinds")
    truth = given_of(desk, things[0]).map(KIND)
    n_wrong = sum((one.idxmax(axis=1).map(KIND) != truth).astype(int) for one in things)
    n_wrong += sum((one.idxmax(axis=1) != truth).astype(int) for one in kinds)
    wanted = n_wrong[n_wrong > 0].sort_values(ascending=False, kind="stable")
    found = queue(desk, Order.WRONG, "things", "kinds")
    assert [(item.image_id, item.why) for item in found.items] == [
        (image_id, f"wrong in {n} of 5 runs") for image_id, n in wanted.items()
    ]
    assert found.chosen_by == "wrong in some chosen run (common, test)"


def test_wrong_does_not_depend_on_the_order_of_stored_answers():
    space = Taxonomy("t", {"a": frozenset({"a"}), "b": frozenset({"b"})})
    patients = np.arange(3)
    first = Evaluation(space, ("i", "j", "k"), patients, np.array([0, 1, 0]), np.array([[0, 0, 1], [0, 0, 0]]))
    second = Evaluation(space, ("k", "j"), patients[:2], np.array([0, 1]), np.array([[1, 1]]))
    # j is wrong in 2 + 0 of 3 runs, k in 1 + 1 of 3, i in 0 of 2
    assert [(one.image_id, one.why) for one in ranked_queue(wrong_in_any([first, second]))] == [
        ("j", "wrong in 2 of 3 runs"),
        ("k", "wrong in 2 of 3 runs"),
    ]


def test_likely_label_errors_by_the_classes_of_the_runs_own_taxonomy(desk):
    runs = frames(desk, "things")
    mean, given = sum(runs) / 3, given_of(desk, runs[0])
    quality = get_label_quality_scores(
        given.map({name: k for k, name in enumerate(mean.columns)}).to_numpy(), mean.to_numpy(dtype=float)
    )
    likeliest = mean.idxmax(axis=1)
    wanted = pd.Series(quality, index=mean.index)[likeliest != given].sort_values(kind="stable")
    for space in Space:
        found = queue(desk, Order.LABEL_ERROR, "things", space=space)
        assert ids(found) == list(wanted.index)
    first = wanted.index[0]
    share = f"{mean.loc[first].max():.2f}"
    assert found.items[0].why == f"given {given[first]}; things · 3 seeds: {likeliest[first]} {share}"
    assert found.chosen_by == "likely label error (own classes, test)"


def test_an_image_that_any_subject_doubts_waits_with_the_strongest_doubt(desk):
    alone = {name: queue(desk, Order.LABEL_ERROR, name) for name in ("things", "kinds")}
    both = queue(desk, Order.LABEL_ERROR, "things", "kinds")
    assert set(ids(both)) == set(ids(alone["things"])) | set(ids(alone["kinds"]))
    reasons = {one.image_id: {one.why} for one in alone["things"].items}
    for one in alone["kinds"].items:
        reasons.setdefault(one.image_id, set()).add(one.why)
    assert all(one.why in reasons[one.image_id] for one in both.items)
    assert both.items[0] in (alone["things"].items[0], alone["kinds"].items[0])


@pytest.mark.parametrize("space", Space)
def test_low_margin(desk, space):
    turn = summed if space is Space.COMMON else lambda frame: frame
    names = ["things", "kinds"] if space is Space.COMMON else ["things"]
    leads = []
    for name in names:
        mean = sum(turn(one) if name == "things" else one for one in frames(desk, name)) / len(frames(desk, name))
        top = np.sort(mean.to_numpy(), axis=1)
        leads.append(pd.Series(top[:, -1] - top[:, -2], index=mean.index))
    lead = pd.concat(leads, axis=1).min(axis=1)
    found = queue(desk, Order.MARGIN, *names, space=space)
    assert lead[ids(found)].to_numpy() == pytest.approx(np.sort(lead))
    assert len(found.items) == len(lead)


def test_high_loss(desk):
    mean_loss = 0
    for frame in frames(desk, "things"):
        given = given_of(desk, frame)
        mean_loss += -np.log([frame.loc[image_id, name] for image_id, name in given.items()]) / 3
    loss = pd.Series(mean_loss, index=given.index).sort_values(ascending=False)
    found = queue(desk, Order.LOSS, "things", space=Space.NATIVE)
    assert loss[ids(found)].to_numpy() == pytest.approx(loss.to_numpy(), abs=1e-5)
    first = found.items[0]
    assert first.why == f"given {given[first.image_id]}; things · 3 seeds: loss {loss.iloc[0]:.1f} nats"


def test_runs_that_disagree_on_common_ground_whatever_space_is_shown(desk):
    said = [one.idxmax(axis=1).map(KIND) for one in frames(desk, "things")]
    said += [one.idxmax(axis=1) for one in frames(desk, "kinds")]
    table = pd.concat(said, axis=1)
    differ = table.apply(lambda row: sum(a != b for k, a in enumerate(row) for b in row[k + 1 :]), axis=1)
    for space in Space:
        found = queue(desk, Order.DISAGREE, "things", "kinds", space=space)
        assert set(ids(found)) == set(differ.index[differ > 0])
        assert differ[ids(found)].tolist() == sorted(differ[differ > 0], reverse=True)
    first = table.loc[found.items[0].image_id].value_counts()
    assert found.items[0].why.startswith(f"{first.index[0]} in {first.iloc[0]} of 5 runs, ")
    assert queue(desk, Order.DISAGREE, "sizes").items == ()  # one run agrees with itself


def test_chance_needs_no_run_takes_every_image_and_is_recorded(desk):
    found = queue(desk, Order.RANDOM, seed=7)
    assert sorted(ids(found)) == sorted(image.image_id for image in desk.dataset().split(Split.TEST))
    assert found.chosen_by == "random order, seed 7, of 60 images (test)"
    assert ids(found) != ids(queue(desk, Order.RANDOM, seed=8))


@pytest.mark.parametrize("order", [order for order in Order if order.uses_runs])
def test_without_a_run_nothing_waits(desk, order):
    assert queue(desk, order) == Queue()


@pytest.mark.parametrize("order", [order for order in Order if order is not Order.CONFLICT])  # what people said, later
def test_each_image_says_in_a_phrase_why_it_is_shown(desk, order):
    found = queue(desk, order, "things", "kinds")
    assert len(found.items) > 5
    assert all(0 < len(item.why) < 120 and "\n" not in item.why for item in found.items)
    shown = queue_items.shown_items(desk, found.items[:3], (), Split.TEST, desk.labels(Labels.ORIGINAL))
    assert [one["why"] for one in shown] == [item.why for item in found.items[:3]]


def test_a_corrected_label_is_judged_where_labels_as_reviewed_are_shown(fresh_animals):
    desk = Desk(fresh_animals)
    before = queue(desk, Order.LABEL_ERROR, "things")
    image_id = before.items[0].image_id
    said = sum(frames(desk, "things")).loc[image_id].idxmax()
    after = "logo" if said == "logo" else f"{said}.large"
    proposal = {
        "client_id": "c",
        "seq": 1,
        "reviewer": "Ann",
        "image_id": image_id,
        "answer": "relabel",
        "after": after,
    }
    decide(desk.store, desk.workspace.space, desk.dataset().labels, [proposal], lambda: pd.Timestamp.now("UTC"))
    assert image_id in ids(queue(desk, Order.LABEL_ERROR, "things"))
    assert image_id not in ids(queue(desk, Order.LABEL_ERROR, "things", which=Labels.REVIEWED))


# -- training images ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    workspace, once = make(tmp_path_factory.mktemp("ordering") / "w"), replace(TINY, epochs=1)
    pixels = read_pixels(workspace, once.preprocessing, lambda done, total: None)
    for seed in (0, 1):
        train(workspace, shapes(workspace), once, seed, pixels, f"shapes-s{seed}")
    return Desk(workspace)


def test_training_images_wait_once_models_that_never_saw_them_were_asked(drawn):
    for order in Order:
        if order.uses_runs:
            nothing = queue(drawn, order, "shapes", split=Split.TRAIN)
            assert nothing.items == ()
            assert "`uv run taxoscope predict shapes-s0 --cross-fit 5 --workspace" in nothing.empty
    assert len(queue(drawn, Order.RANDOM, split=Split.TRAIN).items) == 41
    revision = drawn.revision()
    run = drawn.runs()["shapes-s1"]
    path = cross_fit(drawn.workspace, run, 2, *fitted_pixels(drawn.workspace, Split.TRAIN, run.card.preprocessing))
    assert drawn.revision() != revision  # caches see it

    answers = pd.read_parquet(path).set_index("image_id").drop(columns="fold")
    labels = pd.read_csv(drawn.workspace.writable / "manifest.csv").set_index("image_id").label
    given = labels[answers.index].str.split(".").str[0]
    placed = answers[given.isin(["disc", "bar", "blank"])].rename(columns=lambda name: name.removeprefix("p:"))
    own = pd.Series({one: row[given[one]] for one, row in placed.iterrows()})
    doubted = own[placed.idxmax(axis=1) != given[placed.index]].sort_values(kind="stable")
    found = queue(drawn, Order.LABEL_ERROR, "shapes", split=Split.TRAIN)
    assert ids(found) == list(doubted.index)
    assert "; shapes · 2 seeds (1 out of fold): " in found.items[0].why
    assert found.chosen_by == "likely label error (own classes, train, out of fold)"

    subjects = find_subjects(drawn.series(), [drawn.series()[0].series_id])
    shown = queue_items.shown_items(drawn, found.items[:1], subjects, Split.TRAIN, drawn.labels(Labels.ORIGINAL))
    (said,) = shown[0]["says"]
    assert said["run_ids"] == ["shapes-s1"]
    assert said["top"][0]["p"] == pytest.approx(placed.loc[doubted.index[0]].max(), abs=1e-4)


def test_a_series_of_one_run_and_that_run_are_one_voice(animals):
    desk = Desk(animals)
    (series,) = (one.series_id for one in desk.series() if one.card.taxonomy.name == "sizes")
    subjects = find_subjects(desk.series(), [series, "sizes-s0", "things-s0"])
    image_id = desk.dataset().split(Split.TEST)[0].image_id
    (item,) = shown_items(desk, [QueueItem(image_id)], subjects, Split.TEST, desk.labels(Labels.ORIGINAL))
    assert [one["who"] for one in item["says"]] == ["sizes · 1 seed", "things-s0"]
