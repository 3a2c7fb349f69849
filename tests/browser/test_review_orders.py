"""The order of the queue, switched on screen: its first images against those recomputed from the files."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from dashboard.decisions.store import DecisionStore
from dashboard.review.record_decision import decide
from model_zoo.workspace.workspace import Workspace
from tests.browser.conftest import Open
from tests.browser.recomputed import MANIFEST, PROJECT, class_names, class_of
from tests.browser.serving import Served, taxoscope

TEST = list(MANIFEST.index[MANIFEST.split == "test"])


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A demo of its own: other tests decide about images, which then no longer wait."""
    served = taxoscope(tmp_path_factory.mktemp("orders"))
    yield served.start()
    served.stop()


def mean_answer(taxonomy: str) -> pd.DataFrame:
    """Images x classes, mean over the runs of a taxonomy, from the Parquet files alone."""
    names = class_names(taxonomy)
    runs = sorted((PROJECT / "model_zoo" / "runs").glob(f"{taxonomy}-s*"))
    frames = [pd.read_parquet(run / "predictions_test.parquet").set_index("image_id") for run in runs]
    mean = sum(frame[[f"p:{name}" for name in names]].to_numpy(float) for frame in frames) / len(frames)
    return pd.DataFrame(mean, index=frames[0].index, columns=names)


def doubted() -> tuple[pd.Series, dict[str, str]]:
    """The probability of the given label where another class is likelier, lowest first, and why in words."""
    lowest, why = {}, {}
    for taxonomy in ("fine", "consolidated"):
        mean, given = mean_answer(taxonomy), MANIFEST.label.map(class_of(taxonomy))
        for image_id, row in mean.iterrows():
            own, best = row[given[image_id]], row.idxmax()
            if best != given[image_id] and own < lowest.get(image_id, 2):
                lowest[image_id] = own
                why[image_id] = f"given {given[image_id]}; {taxonomy} · 8 seeds: {best} {row[best]:.2f}"
    return pd.Series(lowest).sort_values(kind="stable"), why


def first_of(page: Page) -> str:
    return page.locator(".reviewer").get_attribute("data-image") or ""


def test_the_order_is_switched_kept_in_the_address_and_says_why(opened: Open) -> None:
    own, why = doubted()
    page = opened("review")
    expect(page.locator(".why")).to_have_text("wrong in 16 of 16 runs")
    page.get_by_role("combobox", name="Order of the queue").click()
    page.get_by_role("option", name="Likely label error").click()
    expect(page.locator(".why")).to_have_text(why[own.index[0]])
    assert "order=label-error" in page.url
    assert first_of(page) == own.index[0]
    expect(page.locator(".count")).to_have_text(f"{len(own)} left of {len(own)}")
    page.reload()
    expect(page.locator(".why")).to_have_text(why[own.index[0]])


def test_chance_takes_every_image_in_the_order_of_the_hash(opened: Open) -> None:
    drawn = sorted(TEST, key=lambda image_id: hashlib.sha256(f"3:{image_id}".encode()).hexdigest())
    page = opened("review?order=random&seed=3")
    expect(page.locator(".count")).to_have_text(f"{len(TEST)} left of {len(TEST)}")
    assert first_of(page) == drawn[0]


@pytest.mark.parametrize("order", ["low-margin", "disagree"])
def test_other_orders_open_from_their_address(opened: Open, order: str) -> None:
    """On the classes of `consolidated`, the common ground of the two series."""
    page = opened(f"review?order={order}")
    onto = pd.Series({name: class_of("consolidated")[leaf] for leaf, name in class_of("fine").items()})
    means = [mean_answer("fine").T.groupby(onto).sum().T, mean_answer("consolidated")]
    if order == "low-margin":
        top = [np.sort(mean.to_numpy(), axis=1)[:, -2:] for mean in means]
        lead = pd.concat([pd.Series(t[:, 1] - t[:, 0], index=m.index) for t, m in zip(top, means)], axis=1).min(axis=1)
        assert lead[first_of(page)] == pytest.approx(lead.min(), abs=1e-6)
    else:
        expect(page.locator(".why")).to_contain_text("of 16 runs, ")


def test_training_images_wait_for_models_that_never_saw_them(opened: Open) -> None:
    page = opened("review?order=label-error&split=train")
    expect(page.get_by_text("cannot judge their labels")).to_contain_text("taxoscope predict fine-s0 --cross-fit 5")
    page.get_by_role("button", name="Train split").click()
    page.get_by_role("radio", name="Test").click()
    expect(page.locator(".why")).to_contain_text("given ")


def test_a_second_opinion_is_asked_about_what_others_have_labelled(tmp_path, new_page):
    demo = Workspace.demo(tmp_path)
    said = [("relabel", "volume"), ("confirm", None), ("skip", None), ("cannot_tell", None), ("relabel", "volume")]
    proposals = [
        {"image_id": image_id, "reviewer": "Ann", "client_id": "ann", "seq": k, "answer": answer, "after": after}
        for k, (image_id, (answer, after)) in enumerate(zip(TEST, said))
    ]
    proposals.append({**proposals[4], "reviewer": "Bob", "client_id": "bob"})  # Bob has answered that one already
    stored = decide(
        DecisionStore(demo.decisions_path), demo.space, demo.dataset().labels, proposals, lambda: datetime.now(UTC)
    )
    assert not stored.refused
    served = taxoscope(tmp_path).start()
    try:
        page = new_page()
        page.goto(f"{served.url}/review?order=random&opinion=second")
        page.get_by_label("Your name").fill("Bob")
        page.keyboard.press("Enter")
        expect(page.get_by_text("2 wait for your second opinion")).to_be_visible()  # neither skipped nor undecided
        expect(page.get_by_text("random order")).to_have_count(0)  # nor how the order came about
        shown = page.locator(".reviewer").get_attribute("data-image")
        assert shown in TEST[:2]
        page.keyboard.press("t")
        expect(page.locator(".reviewer")).to_have_attribute("data-image", TEST[1 - TEST.index(shown)])
        expect(page.locator(".head .chip")).to_have_text("All saved")
        page.reload()
        expect(page.get_by_text("1 wait for your second opinion")).to_be_visible(timeout=30_000)
        with closing(sqlite3.connect(demo.decisions_path)) as database:
            last = "SELECT image_id, reviewer, answer FROM decisions ORDER BY decision_id DESC LIMIT 1"
            assert database.execute(last).fetchone() == (shown, "Bob", "cannot_tell")
        page.goto(f"{served.url}/review?order=random")
        n_left = len(TEST) - 4  # Ann skipped one, which still waits for everybody else
        expect(page.get_by_text(f"{n_left:,} wait for an answer")).to_be_visible()
    finally:
        served.stop()
