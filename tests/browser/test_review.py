"""Review on the whole app: its queue against the files, its decisions against the rows of the database."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from sklearn.metrics import accuracy_score

from tests.browser.conftest import Open
from tests.browser.harness.database import decisions_in
from tests.browser.recomputed import MANIFEST, class_of, percent
from tests.browser.serving import PROJECT, Served, settle, taxoscope

WINDOW = 80
"""Images that the panel is sent at a time."""
AT_HAND = 10
"""Images of a long queue that one reviewer has at hand, and no other is handed."""
STRUCTURES = ("ac", "bpd", "cereb", "fl", "crl", "afi")
NOTE = 'right; y and s are letters here, ümlaut, "quote", 頭'
KEY_OF = {structure: str(k) for k, structure in enumerate(STRUCTURES, start=1)} | {"unknown": "0"}
FIND = """() => {
  const find = (within) => {
    for (const element of within.querySelectorAll("*")) {
      const found = element.matches(".reviewer") ? element : element.shadowRoot && find(element.shadowRoot);
      if (found) return found;
    }
  };
  window.panel = find(document);
  window.press = (key) => document.body.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true }));
}"""
# Every image that the panel holds, in its order, with why it waits.
WALK = """(n) => {
  const seen = [];
  for (let i = 0; i < n; i++) {
    seen.push([panel.dataset.image, panel.querySelector(".why").textContent]);
    press("j");
  }
  return seen;
}"""
# Answers one image after the other, with a rest after the tenth, and notes at every change which answers the panel
# shows as saved: the lines that say so, all when it says "All saved", and all but the newest n at "n saving…".
BURST = """([answers, every]) => {
  const told = (window.told = { given: [], saved: new Set(), done: false });
  const chip = () => panel.querySelector(".head .chip").textContent;
  const sleep = (ms) => new Promise((go) => setTimeout(go, ms));
  new MutationObserver(() => {
    const saving = chip() === "All saved" ? 0 : /^[0-9]+(?= saving…$| not saved yet)/.exec(chip())[0];
    for (let seq = 1; seq <= told.given.length - saving; seq++) told.saved.add(seq);
    for (const line of panel.querySelectorAll(".recent li"))
      if (line.querySelector(".chip").textContent === "saved") told.saved.add(Number(line.dataset.seq));
  }).observe(panel, { subtree: true, childList: true, characterData: true });
  (async () => {
    for (const keys of answers) {
      const image = panel.dataset.image;
      keys.forEach(press);
      if (image && panel.dataset.image !== image) told.given.push([image, keys]);
      await sleep(every);
      while (told.given.length === 10 && chip() !== "All saved") await sleep(20);
    }
    told.done = true;
  })();
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = taxoscope(tmp_path_factory.mktemp("review"))
    yield served.start()
    served.stop()


@pytest.fixture(autouse=True)
def nobody_else(server: Served) -> None:
    """No image is at hand for a reviewer of an earlier test."""
    server.forget_leases()


@pytest.fixture
def stored(server: Served) -> Callable[[], list[dict[str, Any]]]:
    """Every decision in the database."""
    return lambda: decisions_in(Path(server.environment["TAXOSCOPE_DEMO_FOLDER"]))


@pytest.fixture
def opened(server: Served, new_page: Open) -> Open:
    """``opened("review?space=native", reviewer="Reviewer A")`` opens a page of the app and gives a name."""

    def go(address: str = "review", reviewer: str | None = None) -> Page:
        page = new_page(height=1000)
        page.goto(f"{server.url}/{address}")
        settle(page)
        if address.startswith("review"):
            expect(page.locator(".reviewer")).to_have_attribute("data-image", re.compile("."), timeout=60_000)
            if reviewer:
                page.get_by_label("Your name").fill(reviewer)
                page.keyboard.press("Enter")
                expect(page.locator(".head .who")).to_contain_text(reviewer)
                settle(page)
            page.evaluate(FIND)
        return page

    return go


@pytest.mark.parametrize(
    ("address", "judged", "split"),
    [
        ("review", {"fine": "consolidated", "consolidated": "consolidated"}, "test"),
        ("review?space=native", {"fine": "fine", "consolidated": "consolidated"}, "test"),
        (
            "review?of=anatomy-s0&of=fine-s1&split=validation",
            {"anatomy-s0": "anatomy", "fine-s1": "anatomy"},
            "validation",
        ),
    ],
    ids=["opening", "native", "validation"],
)
def test_the_queue_is_what_the_files_say(opened: Open, address: str, judged: dict[str, str], split: str) -> None:
    wrong, n_runs = n_wrong(judged, split)
    assert len(wrong) > 40
    page = opened(address)
    expect(page.locator(".count")).to_have_text(f"{len(wrong)} left of {len(wrong)}")
    caption = page.get_by_text("most runs first").inner_text()
    assert re.findall(r"\d[\d,]*", caption) == [f"{len(wrong):,}"] * 2
    for name in judged:
        mean, agree = what_is_said(name, wrong.index[0], split)
        section = page.locator(".say").filter(has=page.locator(".say-who", has_text=re.compile(rf"^{name}\b")))
        assert section.locator(".bar-name").all_inner_texts() == list(mean.index[:3])
        assert section.locator(".say-agree").all_inner_texts() == agree
    first = list(wrong.items())[:WINDOW]
    assert page.evaluate(WALK, len(first)) == [
        [image_id, f"wrong in {k} of {n_runs} run{'s' if n_runs > 1 else ''}"] for image_id, k in first
    ]


def test_each_kind_of_answer_is_a_row_of_the_database(opened: Open, stored: Callable[[], list[dict[str, Any]]]) -> None:
    queue, n_before = waiting(stored()), len(stored())
    total = len(n_wrong()[0])
    page = opened(reviewer="Reviewer A")
    panel, count = page.locator(".reviewer"), page.locator(".count")
    expect(count).to_have_text(f"{len(queue)} left of {total}")
    wanted: list[tuple[str, str, str, str, str]] = []  # image, answer, before, after, note

    def now(answer: str, after: str | None = None, note: str = "") -> None:
        """What was just answered, about the image that was first of those that wait."""
        image_id = queue[len(wanted)]
        wanted.append((image_id, answer, MANIFEST.label[image_id], after or MANIFEST.label[image_id], note))
        expect(panel).to_have_attribute("data-image", queue[len(wanted)])
        expect(count).to_have_text(f"{len(queue) - len(wanted)} left of {total}")

    def label() -> list[str]:
        """The parts of the label on screen, which is the manifest's."""
        parts = MANIFEST.label[queue[len(wanted)]].split(".")
        expect(page.locator(".asks .label b")).to_have_text(parts)
        return parts

    structure, markers, annotation = label()
    other = next(one for one in reversed(STRUCTURES) if one != structure)
    page.get_by_role("group", name="structure").get_by_role("button", name=other).click()  # a part, by mouse
    page.get_by_role("button", name="Save").click()
    now("relabel", f"{other}.{markers}.{annotation}")

    wait_saved(page)
    page.get_by_role("group", name="or").get_by_role("button", name="volume").click()
    page.get_by_role("button", name="Save").click()
    now("relabel", "volume")

    wait_saved(page)
    page.get_by_role("button", name="Cannot tell").click()
    now("cannot_tell")

    wait_saved(page)
    structure, markers, annotation = label()
    name = "no_marker" if (markers, annotation) != ("none", "present") else "empty"
    page.get_by_role("button", name="By class").click()  # a class: the structure is none of its business
    page.get_by_label("Taxonomy").select_option("consolidated")
    page.get_by_role("button", name=name).click()
    page.get_by_role("button", name="Save").click()
    now("relabel", f"{structure}.none.{'present' if name == 'no_marker' else 'none'}")
    page.keyboard.press("x")  # by parts again

    structure, markers, annotation = label()
    other = next(one for one in STRUCTURES if one != structure)
    page.keyboard.press(KEY_OF[other])  # a part, by key
    expect(page.locator(".result b")).to_have_text([other, markers, annotation])
    page.keyboard.press("Enter")
    now("relabel", f"{other}.{markers}.{annotation}")

    structure, markers, annotation = label()
    page.keyboard.press(KEY_OF["unknown"])  # a part that nobody can know
    page.keyboard.press("Enter")
    now("relabel", f"*.{markers}.{annotation}")

    page.keyboard.press("n")
    page.keyboard.type(NOTE)
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    now("confirm", note=NOTE)

    page.keyboard.press("s")
    now("skip")
    n_done = len(wanted)

    structure, markers, annotation = label()
    other = next(one for one in STRUCTURES if one != structure)
    page.keyboard.press(KEY_OF[other])
    page.keyboard.press("Enter")
    image_id, before, after = queue[n_done], f"{structure}.{markers}.{annotation}", f"{other}.{markers}.{annotation}"
    now("relabel", after)
    page.keyboard.press("u")
    expect(panel).to_have_attribute("data-image", image_id)
    expect(count).to_have_text(f"{len(queue) - n_done} left of {total}")
    wanted.append((image_id, "undo", after, before, ""))
    wait_saved(page)

    rows = stored()[n_before:]
    assert [(r["image_id"], r["answer"], r["before"], r["after"], r["note"]) for r in rows] == wanted
    assert {row["reviewer"] for row in rows} == {"Reviewer A"}
    assert [row["seq"] for row in rows] == list(range(1, len(wanted) + 1))
    assert len({row["client_id"] for row in rows}) == 1
    assert [row["undoes"] for row in rows] == [None] * (n_done + 1) + [rows[-2]["decision_id"]]
    assert [row["taxonomy"] for row in rows] == ["", "", "", "consolidated"] + [""] * (n_done - 2)
    runs = [*answers("fine"), *answers("consolidated")]
    assert all(json.loads(row["runs"]) == runs for row in rows)

    # What is done is gone for everybody; what was skipped waits for the others, who are not handed what A works on.
    page = opened(reviewer="Bo Li")
    expect(page.locator(".count")).to_have_text(f"{len(queue) - n_done + 1 - AT_HAND} left of {total}")
    expect(page.get_by_text(f"{AT_HAND} more are with other reviewers now")).to_be_visible()
    expect(page.locator(".reviewer")).to_have_attribute("data-image", queue[n_done - 1])


def test_saved_means_committed_and_the_page_sends_the_rest_again(
    server: Served, opened: Open, stored: Callable[[], list[dict[str, Any]]]
) -> None:
    queue, n_before = waiting(stored()), len(stored())
    kinds = cycle((["y"], ["t"], ["0", "Enter"], ["s"], ["y"]))
    page = opened(reviewer="Cem Aydın")
    page.evaluate(BURST, [[next(kinds) for _ in range(60)], 60])
    page.wait_for_function(
        "() => 20 <= told.saved.size && told.saved.size < told.given.length && !told.done", polling=20
    )
    saved_before = set(page.evaluate("() => [...told.saved]"))
    server.kill()
    page.wait_for_function("() => told.done")
    given, saved = page.evaluate("() => [told.given, [...told.saved]]")
    assert saved_before <= set(saved)
    assert 20 <= len(saved) < len(given) - 5  # the kill fell in the middle
    expect(page.locator(".head .chip")).to_have_text(
        re.compile(r"^\d+ (saving…|not saved yet: the server does not answer, trying again)$")
    )

    n_times = Counter(row["seq"] for row in stored()[n_before:])
    assert {seq: n_times[seq] for seq in saved} == dict.fromkeys(saved, 1)
    assert max(n_times.values()) == 1

    server.start()
    wait_saved(page, timeout_s=90)
    answer_of = {"y": "confirm", "t": "cannot_tell", "0": "relabel", "s": "skip"}
    rows = stored()[n_before:]
    assert [(row["image_id"], row["answer"]) for row in rows] == [(image, answer_of[keys[0]]) for image, keys in given]
    assert [row["seq"] for row in rows] == list(range(1, len(given) + 1))
    assert [image for image, _ in given] == queue[: len(given)]
    assert {row["reviewer"] for row in rows} == {"Cem Aydın"}
    n_left = len(queue) - len(given)
    expect(page.locator(".count")).to_have_text(f"{n_left} left of {len(n_wrong()[0])}")


def test_figures_as_reviewed_stand_on_the_database_and_the_others_do_not_move(
    opened: Open, stored: Callable[[], list[dict[str, Any]]]
) -> None:
    page = opened(reviewer="Dee")
    for image_id in waiting(stored())[:12]:
        expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id)
        said = what_is_said("consolidated", image_id)[0].index[0]
        page.keyboard.press(KEY_OF.get(said, KEY_OF["unknown"]))
        page.keyboard.press("Enter" if page.locator(".result.is-ready").count() else "y")
    wait_saved(page)
    standing = standing_in(stored())
    original, reviewed = accuracies(MANIFEST.label), accuracies(pd.Series({**MANIFEST.label, **standing}))
    assert original != reviewed

    page = opened("compare?labels=reviewed")
    metrics = page.get_by_test_id("stMetricValue")
    line = page.get_by_test_id("stMarkdown").filter(has_text=re.compile(r"As reviewed: \d"))
    expect(metrics).to_have_text(reviewed)
    n_images = (MANIFEST.split == "test").sum()
    expect(line).to_contain_text(
        f" {len(standing)} of {n_images:,} images, one-sided: only chosen images were reviewed."
    )
    page.get_by_role("radio", name="Original labels").click()
    expect(metrics).to_have_text(original)
    expect(line).to_have_count(0)


def wait_saved(page: Page, timeout_s: float = 30) -> None:
    """Until nothing is on its way: the panel says so in these two words and no others."""
    expect(page.locator(".head .chip")).to_have_text(re.compile("^All saved$"), timeout=timeout_s * 1000)


def n_wrong(judged: dict[str, str] | None = None, split: str = "test") -> tuple["pd.Series[int]", int]:
    """In how many runs each image is wrong, most first, then as in the manifest; and how many runs there are.

    ``judged`` maps a taxonomy (all its runs) or a run to the classes in which it is judged.
    """
    images = MANIFEST.index[MANIFEST.split == split]
    wrong, n_runs = pd.Series(0, index=images), 0
    for name, coarse in (judged or {"fine": "consolidated", "consolidated": "consolidated"}).items():
        taxonomy = re.sub(r"-s\d+$", "", name)
        coarse_of, own_of = class_of(coarse), class_of(taxonomy)
        mapped = {own: coarse_of[leaf] for leaf, own in own_of.items()}
        for run_id, said in answers(taxonomy, split).items():
            if name in (taxonomy, run_id):
                wrong += said.map(mapped).loc[images] != MANIFEST.label[images].map(coarse_of)
                n_runs += 1
    return wrong[wrong > 0].sort_values(ascending=False, kind="stable"), n_runs


def waiting(rows: list[dict[str, Any]]) -> list[str]:
    """The opening queue for somebody who has skipped nothing yet."""
    undone = {row["undoes"] for row in rows}
    done = {
        row["image_id"]
        for row in rows
        if row["decision_id"] not in undone and row["answer"] in ("relabel", "confirm", "cannot_tell")
    }
    return [image_id for image_id in n_wrong()[0].index if image_id not in done]


def standing_in(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Image id -> the label that the decisions give it."""
    undone = {row["undoes"] for row in rows}
    given = [row for row in rows if row["answer"] in ("relabel", "confirm") and row["decision_id"] not in undone]
    return {row["image_id"]: row["after"] for row in given}


def accuracies(labels: "pd.Series[str]") -> list[str]:
    """The mean accuracy of `fine` and of `consolidated` in the classes of `consolidated`, as Compare prints it."""
    owner = class_of("consolidated")
    possible = {text: {owner[leaf] for leaf in leaves_of(text)} for text in labels.unique()}
    truth = labels.map(lambda text: next(iter(possible[text])) if len(possible[text]) == 1 else None)
    printed = []
    for taxonomy in ("fine", "consolidated"):
        mapped = {own: owner[leaf] for leaf, own in class_of(taxonomy).items()}
        shares = []
        for said in answers(taxonomy).values():
            known = truth[said.index].dropna()
            shares.append(accuracy_score(known, said[known.index].map(mapped)))
        printed.append(percent(sum(shares) / len(shares)))
    return printed


def leaves_of(text: str) -> list[str]:
    """The leaves that a label's text names."""
    patterns = [re.compile("^" + one.replace(".", r"\.").replace("*", "[a-z]+") + "$") for one in text.split("|")]
    return [leaf for leaf in class_of("fine") if any(pattern.match(leaf) for pattern in patterns)]


def what_is_said(name: str, image_id: str, split: str = "test") -> tuple["pd.Series[float]", list[str]]:
    """The mean probability of each class, highest first, and how many runs agree on the first (nothing for one run).

    ``name`` is a taxonomy (all its runs) or a run.
    """
    found = predictions(re.sub(r"-s\d+$", "", name), split)
    rows = pd.DataFrame([frame.loc[image_id] for run_id, frame in found.items() if run_id == name or name not in found])
    mean = rows.mean().sort_values(ascending=False)
    agree = int((rows.idxmax(axis=1) == mean.index[0]).sum())
    return mean, [f"{agree} of {len(rows)} agree"] if len(rows) > 1 else []


def answers(taxonomy: str, split: str = "test") -> dict[str, pd.Series]:
    """Run -> the class it names for each image."""
    return {run_id: frame.idxmax(axis=1) for run_id, frame in predictions(taxonomy, split).items()}


@cache
def predictions(taxonomy: str, split: str) -> dict[str, pd.DataFrame]:
    """Run -> images x classes, from the Parquet files."""
    found = {}
    for folder in sorted((PROJECT / "model_zoo" / "runs").glob(f"{taxonomy}-s*")):
        frame = pd.read_parquet(folder / f"predictions_{split}.parquet").set_index("image_id")
        found[folder.name] = frame.rename(columns=lambda name: name.removeprefix("p:"))
    return found
