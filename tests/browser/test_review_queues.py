"""Queues on Review: cells, classes, filters, statuses and second opinions, each number against the files."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from dashboard.decisions.store import DecisionStore
from dashboard.review.record_decision import decide
from model_zoo.workspace.workspace import Workspace
from tests.browser.conftest import Open
from tests.browser.recomputed import MANIFEST, PROJECT, class_names, class_of, in_classes_of
from tests.browser.serving import Served, settle, taxoscope

NAMES = class_names("consolidated")
TEST = list(MANIFEST.index[MANIFEST.split == "test"])
CANNOT, RIGHT, FLAGGED = TEST[:4], TEST[4:9], TEST[9:11]
"""What Ann has decided about."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A demo of its own, in which Ann has decided about a few images."""
    folder = tmp_path_factory.mktemp("queues")
    demo = Workspace.demo(folder)
    given = [*((one, "cannot_tell") for one in CANNOT), *((one, "confirm") for one in RIGHT)]
    given += [(one, "flag") for one in FLAGGED]
    proposals = [
        {"image_id": image_id, "reviewer": "Ann", "client_id": "ann", "seq": k, "answer": answer}
        for k, (image_id, answer) in enumerate(given)
    ]
    store = DecisionStore(demo.decisions_path)
    done = decide(store, demo.space, demo.dataset().labels, proposals, lambda: datetime.now(UTC))
    store.close()
    assert len(done.stored) == len(given)
    served = taxoscope(folder)
    yield served.start()
    served.stop()


@pytest.fixture
def last(app: Served) -> Callable[..., tuple[object, ...]]:
    """``last("answer", "blind")`` of the newest row of the database."""

    def read(*columns: str) -> tuple[object, ...]:
        path = Path(app.environment["TAXOSCOPE_DEMO_FOLDER"]) / "decisions.sqlite"
        with closing(sqlite3.connect(path)) as database:
            query = f"SELECT {', '.join(columns)} FROM decisions ORDER BY decision_id DESC LIMIT 1"
            return tuple(database.execute(query).fetchone())

    return read


def shown(page: Page) -> str:
    expect(page.locator(".reviewer")).to_have_attribute("data-image", re.compile("."))
    return page.locator(".reviewer").get_attribute("data-image") or ""


def holds(page: Page, n: int) -> None:
    expect(page.locator(".count")).to_have_text(f"{n} left of {n}")


def enter(page: Page, name: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Enter")
    expect(page.locator(".head .who")).to_contain_text(name)
    settle(page)


def choose(page: Page, picker: str, option: str) -> None:
    page.get_by_role("combobox", name=picker).click()
    page.get_by_role("option", name=option, exact=True).click()
    settle(page)


def in_cell(taxonomy: str, true: str, said: str) -> pd.Series:
    """In how many runs each image falls in a cell on common ground, those in none left out."""
    n = sum(((t == true) & (s == said)).astype(int) for t, s in in_classes_of("consolidated", taxonomy))
    return n[n > 0]


def undecided(images: pd.Index) -> list[str]:
    return [one for one in images if one not in CANNOT + RIGHT]


def test_one_click_on_a_cell_of_compare_is_a_queue_of_its_images(opened: Open, last: Callable[..., tuple]) -> None:
    page = opened("compare", height=3400)
    page.get_by_role("radio", name="Opens a review").click()
    page.wait_for_url(re.compile("opens=review"))
    settle(page)
    matrix = page.locator(".js-plotly-plot:has(.hm)").first
    i, j = NAMES.index("cereb"), NAMES.index("bpd")
    box = matrix.locator(".nsewdrag").bounding_box()
    assert box
    width, height = box["width"] / len(NAMES), box["height"] / len(NAMES)
    page.mouse.click(box["x"] + width * (j + 0.5), box["y"] + height * (i + 0.5))
    page.wait_for_url(re.compile("/review.*order=cell"))
    settle(page)
    wanted = in_cell("fine", "cereb", "bpd")
    n_left = len(undecided(wanted.index))
    expect(page.locator(".count")).to_have_text(f"{n_left} left of {len(wanted)}")
    expect(page.locator(".why")).to_have_text(f"cereb called bpd by {wanted.max()} of 8 runs")
    assert wanted[shown(page)] == wanted.max()
    enter(page, "Bob")
    page.keyboard.press("s")
    expect(page.locator(".head .chip")).to_have_text("All saved")
    assert last("chosen_by", "reviewer") == (
        "one confusion cell: cereb called bpd, fine · 8 seeds (common, test)",
        "Bob",
    )


def test_cells_and_classes_are_picked_and_the_address_keeps_them(opened: Open) -> None:
    page = opened("review?order=cell")
    cells = {(true, said): len(in_cell("fine", true, said)) for true in NAMES for said in NAMES if true != said}
    true, said = max(cells, key=lambda one: cells[one])
    expect(page.get_by_text(f"most runs first: {true} called {said}, fine · 8 seeds")).to_be_visible()
    choose(page, "Whose classes", "consolidated · 8 seeds")
    others = {pair: len(in_cell("consolidated", *pair)) for pair in cells}
    n = others["no_marker", "bpd"]
    choose(page, "One confusion cell", f"no_marker called bpd ({n})")
    wanted = in_cell("consolidated", "no_marker", "bpd")
    assert len(wanted) == n > 0
    expect(
        page.get_by_text(f"no_marker called bpd, consolidated · 8 seeds (common ground, test split): {n};")
    ).to_be_visible()
    elsewhere = opened(page.url.split("/", 3)[3])
    expect(elsewhere.get_by_text(f"(common ground, test split): {n};")).to_be_visible()
    assert shown(elsewhere) == shown(page)

    choose(page, "Order of the queue", "One class")
    sizes = MANIFEST.label[TEST].map(class_of("consolidated")).value_counts()
    choose(page, "One class", f"volume ({sizes['volume']})")
    total = sizes["volume"]
    expect(page.get_by_text(f"volume, consolidated · 8 seeds (common ground, test split): {total};")).to_be_visible()
    assert MANIFEST.label[shown(page)] == "volume"
    expect(page.locator(".why")).to_contain_text("given volume; consolidated · 8 seeds: ")


def test_filters_combine_in_the_address_and_another_browser_shows_the_same(opened: Open) -> None:
    page = opened("review?order=random")
    page.get_by_role("button", name="Test split").click()
    for picker, option in (("True class", "bpd"), ("True class", "cereb"), ("machine", "machine = aurora")):
        page.get_by_role("combobox", name=picker).click()
        page.get_by_role("option", name=option, exact=True).click()
        page.keyboard.press("Tab")  # leaves the list of the picker
        settle(page)
    named = MANIFEST.label.map(class_of("consolidated"))
    kept = MANIFEST[(MANIFEST.split == "test") & named.isin(["bpd", "cereb"]) & (MANIFEST.machine == "aurora")]
    expect(page.get_by_text(f"(drawn by seed 1): {len(kept)};")).to_be_visible()
    patient = kept.loc[undecided(kept.index)].patient_id.value_counts().index[0]
    address = f"{page.url.split('/', 3)[3]}&where=patient_id:{patient}"
    elsewhere = opened(address, theme="dark", width=1920)
    few = kept[kept.patient_id == patient]
    expect(
        elsewhere.get_by_text(f"patient_id = {patient} in random order (drawn by seed 1): {len(few)};")
    ).to_be_visible()
    assert shown(elsewhere) in few.index
    elsewhere.get_by_role("button", name="Test split, 4 filters").click()
    elsewhere.get_by_role("button", name="Show all images").click()
    expect(elsewhere.get_by_text(f"(drawn by seed 1): {len(TEST):,};")).to_be_visible()
    assert "where=" not in elsewhere.url


def test_a_queue_is_resumed_where_it_was_left(opened: Open) -> None:
    page = opened("review?order=random&seed=5")
    enter(page, "Dee")
    for _ in range(3):
        page.keyboard.press("s")
    expect(page.locator(".head .chip")).to_have_text("All saved")
    at = shown(page)
    page.keyboard.press("j")
    ahead = shown(page)
    page.reload()
    expect(page.locator(".reviewer")).to_have_attribute("data-image", ahead, timeout=30_000)  # in this tab
    elsewhere = opened("review?order=random&seed=5")
    enter(elsewhere, "Dee")
    expect(elsewhere.locator(".reviewer")).to_have_attribute("data-image", at)  # in another browser


def test_what_i_have_not_seen_does_not_ask_what_others_said(opened: Open, last: Callable[..., tuple]) -> None:
    page = opened("review")
    choose(page, "Order of the queue", "Not yet seen by me")
    enter(page, "Cem")
    holds(page, len(TEST))
    assert shown(page) == TEST[0]  # though Ann has answered it
    expect(page.get_by_role("radio", name="Second opinion")).to_be_disabled()
    page.keyboard.press("t")
    expect(page.locator(".head .chip")).to_have_text("All saved")
    assert last("image_id", "chosen_by") == (TEST[0], "not yet seen (test)")
    page.reload()
    expect(page.get_by_text(f"{len(TEST) - 1:,} wait for you.")).to_be_visible(timeout=30_000)
    page = opened("review?order=unseen")
    enter(page, "Ann")
    expect(page.get_by_text(f"{len(TEST) - len(CANNOT + RIGHT):,} wait for you.")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "images"), [("cannot-tell", CANNOT), ("answered", CANNOT + RIGHT), ("flagged", FLAGGED)]
)
def test_what_ann_decided_is_a_queue_until_it_is_gone_over(opened: Open, status: str, images: list[str]) -> None:
    page = opened(f"review?order=random&status={status}&by=Ann")
    enter(page, f"Eve {status}")
    holds(page, len(images))
    seen = []
    for k in range(len(images)):
        seen.append(shown(page))
        page.keyboard.press("s")
        expect(page.locator(".count")).to_have_text(f"{len(images) - k - 1} left of {len(images)}")
    assert set(seen) == set(images)
    expect(page.get_by_text("This queue is done")).to_be_visible()


def test_a_second_opinion_is_blind_until_its_reviewer_looks(opened: Open, last: Callable[..., tuple]) -> None:
    page = opened("review?order=random&opinion=second")
    enter(page, "Fay")
    holds(page, len(RIGHT))
    expect(page.get_by_text("A second opinion: what others said of this image is hidden.")).to_be_visible()
    for hidden in ("Current label", "What the runs say", "gets wrong"):
        expect(page.get_by_text(hidden)).to_be_hidden()
    expect(page.get_by_role("button", name="The label is right")).to_have_count(0)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator(".count")).to_have_text(f"{len(RIGHT) - 1} left of {len(RIGHT)}")
    expect(page.locator(".head .chip")).to_have_text("All saved")
    assert last("blind", "chosen_by")[0] == 1
    assert str(last("chosen_by")[0]).endswith("(test); second opinion")
    page.get_by_role("button", name="Show them").click()
    expect(page.get_by_text("Current label")).to_be_visible()
    right = page.get_by_role("button", name="The label is right")
    expect(right).to_have_class(re.compile("is-primary"))
    right.click()
    expect(page.locator(".count")).to_have_text(f"{len(RIGHT) - 2} left of {len(RIGHT)}")
    expect(page.locator(".head .chip")).to_have_text("All saved")
    assert last("blind", "answer") == (0, "confirm")
    page.goto(page.url.replace("opinion=second", "opinion=first"))
    expect(page.get_by_text("Current label")).to_be_visible(timeout=30_000)  # the rest of the browser is not blind
    expect(page.get_by_text("in random order (drawn by seed 1)")).to_be_visible()
    page.keyboard.press("b")
    expect(page.get_by_text(f"{len(TEST):,} images; how they were chosen is hidden.")).to_be_visible()
    expect(page.get_by_text("in random order (drawn by seed 1)")).to_have_count(0)
    page.goto(page.url.replace("opinion=first", "opinion=second&split=validation"))
    expect(page.get_by_text("Others have labelled no image of this queue that you have not.")).to_be_visible()
    expect(page.locator(".count")).to_have_count(0)  # no "0 left of 0"


def test_where_runs_disagree_each_side_is_told_by_its_surest_run(opened: Open) -> None:
    page = opened("review?order=disagree")
    image_id, runs = shown(page), {}
    for taxonomy in ("fine", "consolidated"):
        for folder in sorted((PROJECT / "model_zoo" / "runs").glob(f"{taxonomy}-s*")):
            row = pd.read_parquet(folder / "predictions_test.parquet").set_index("image_id").loc[image_id]
            own = row.idxmax().removeprefix("p:")
            leaf = next(leaf for leaf, name in class_of(taxonomy).items() if name == own)
            runs[folder.name] = own, row.max(), class_of("consolidated")[leaf]
    answers = pd.DataFrame(runs, index=["own", "share", "common"]).T
    counts = answers.common.value_counts()
    told = page.locator(".disagree").inner_text().split("; ")
    assert len(told) == 2
    assert sorted(counts[answers.common[one.split(": ")[0]]] for one in told) == sorted(counts.nlargest(2))
    for one in told:
        run, words = one.split(": ")
        side = answers[answers.common == answers.common[run]]
        assert answers.share[run] == side.share.max()
        assert words == f"{answers.own[run]} {answers.share[run]:.2f}"
