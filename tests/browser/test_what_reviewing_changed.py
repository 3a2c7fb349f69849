"""What reviewing changed on Compare, Diagnose and Images: every number recomputed from the files by other code."""

import hashlib
import math
import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect
from scipy.stats import hypergeom
from sklearn.metrics import balanced_accuracy_score, f1_score

from dashboard.decisions.decision import Answer, Decision
from dashboard.decisions.store import DecisionStore
from tests.browser.recomputed import MANIFEST, in_classes_of, percent
from tests.browser.serving import settle, taxoscope

TEST = MANIFEST[MANIFEST.split == "test"]
N_DRAWN, N_WRONG = 60, 15
RUNS = ("fine-s0", "consolidated-s0")
ADDRESS = "&".join(f"of={run}" for run in RUNS)


def drawn():
    """The first images in the order of the hash of seed and id."""
    return sorted(TEST.index, key=lambda one: hashlib.sha256(f"1:{one}".encode()).digest())[:N_DRAWN]


def of(run, labels):
    """Truth and answer of one run on the common ground, under some labels."""
    taxonomy, _, seed = run.partition("-s")
    return in_classes_of("consolidated", taxonomy, labels)[int(seed)]


def right(run, labels):
    truth, said = of(run, labels)
    return (truth == said).astype(float)


def reviewed_labels():
    """Image -> its label after review: some of the drawn and some of those called wrong get another."""
    wrong = right("fine-s0", MANIFEST.label)
    chosen = [one for one in wrong.index[wrong == 0] if one not in drawn()][:N_WRONG]
    labels = {one: MANIFEST.label[one] for one in (*drawn(), *chosen)}
    for k, one in enumerate(labels):
        if k % 6 == 0:
            labels[one] = "ac.placed.present" if MANIFEST.label[one] != "ac.placed.present" else "fl.placed.present"
    for one in chosen[:9]:
        labels[one] = f"{of('fine-s0', MANIFEST.label)[1][one]}.placed.present"
    known = ("ac.", "bpd.", "cereb.", "fl.", "crl.", "afi.")
    return {one: label if label.startswith(known) else "volume" for one, label in labels.items()}


AFTER = reviewed_labels()
LABELS = MANIFEST.label.copy()
LABELS.update(pd.Series(AFTER))


def interval(corrections, rise, fall):
    """How far below and above their mean the mean of all images' corrections may lie, written anew.

    ``corrections`` of the drawn, ``rise`` and ``fall`` of all: what each could be at most. Bounds by scanning.
    """
    n, size, ends = len(corrections), len(rise), []
    for part, most in ((corrections.clip(lower=0), rise), ((-corrections).clip(lower=0), fall)):
        low = high = before = 0.0
        for step in sorted({*part[part > 0], most.max()}):
            seen = int((part >= step).sum())
            numbers = np.arange(seen, size - n + seen + 1)
            fits = numbers[
                (hypergeom.sf(seen - 1, size, numbers, n) > 0.025) & (hypergeom.cdf(seen, size, numbers, n) > 0.025)
            ]
            low, high = low + (step - before) * fits[0] / size, high + (step - before) * fits[-1] / size
            before = step
        ends.append((part.mean() - low, high - part.mean(), part.mean(), part.std(ddof=0)))
    (down1, up1, p1, s1), (down2, up2, p2, s2) = ends
    rho = -p1 * p2 / (s1 * s2) if s1 * s2 else 0.0
    unseen = rise.index.difference(corrections.index)
    rest = corrections.mean() - corrections.sum() / size
    below = min(math.sqrt(down1**2 + up2**2 - 2 * rho * down1 * up2), rest + fall[unseen].sum() / size)
    above = min(math.sqrt(up1**2 + down2**2 - 2 * rho * up1 * down2), -rest + rise[unseen].sum() / size)
    return below, above


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """The demo after a reviewer went through the random queue and a list of what one run calls wrong."""
    folder = tmp_path_factory.mktemp("decided")
    store = DecisionStore(folder / "decisions.sqlite")
    by_chance = f"random order, seed 1, of {len(TEST):,} images (test)"
    with store.writing() as log:
        for seq, (image_id, label) in enumerate(AFTER.items(), 1):
            before = MANIFEST.label[image_id]
            log.append(
                Decision(
                    image_id=image_id,
                    reviewer="Ann",
                    time=datetime.now(UTC),
                    answer=Answer.CONFIRM if label == before else Answer.RELABEL,
                    before=before,
                    after=label,
                    client_id="story",
                    seq=seq,
                    chosen_by=by_chance if seq <= N_DRAWN else "wrong in some chosen run (common, test)",
                )
            )
    served = taxoscope(folder)
    yield served.start()
    served.stop()


@pytest.fixture
def open_decided(decided, new_page):
    def go(address, **look):
        page = new_page(**look)
        page.goto(f"{decided.url}/{address}")
        settle(page)
        return page

    return go


def row_of(page, run):
    table = page.get_by_test_id("stTable").filter(has_text="became right")
    cells = table.get_by_role("row").filter(has_text=run).get_by_role("cell").all_inner_texts()
    head = table.get_by_role("columnheader").all_inner_texts()[1:]
    return dict(zip(head, cells[-len(head) :]))


def test_each_figure_before_and_after_and_each_estimate_is_the_one_from_the_files(open_decided):
    page = open_decided(f"compare?{ADDRESS}", height=3000)
    expect(page.get_by_text("What reviewing changed", exact=True)).to_be_visible()
    n_changed = sum(label != MANIFEST.label[one] for one, label in AFTER.items())
    coverage = f"Reviewed: {len(AFTER):,} of {len(TEST):,} images; {n_changed} labels changed."
    expect(page.get_by_text(coverage)).to_be_visible()
    sample, values, corrections = drawn(), {}, {}
    for run in RUNS:
        row = row_of(page, run)
        was, now = right(run, MANIFEST.label), right(run, LABELS)
        assert row["accuracy"] == f"{percent(was.mean())} → {percent(now.mean())}"
        for name, figure in (
            ("balanced accuracy", balanced_accuracy_score),
            ("macro-F1", lambda truth, said: f1_score(truth, said, average="macro")),
        ):
            assert row[name] == " → ".join(percent(figure(*of(run, labels))) for labels in (MANIFEST.label, LABELS))
        assert row["became right"] == f"{((now > was).sum()):,}"
        assert row["became wrong"] == f"{((now < was).sum()):,}"
        unmoved = (now == was) & (MANIFEST.label != LABELS).loc[was.index]
        assert row["relabelled, answers as before"] == f"{unmoved.sum():,}"
        corrections[run] = (now - was).loc[sample]
        values[run] = was.mean() + corrections[run].mean()
        below, above = interval(corrections[run], 1 - was, was)
        shown = f"{percent(values[run])} ({100 * (values[run] - below):.1f}–{100 * (values[run] + above):.1f} %)"
        assert row["accuracy if all were reviewed"] == shown
        looked = 1 - was.loc[list(AFTER)].mean()
        lean = (
            f"one-sided: only {len(AFTER)} images of {len(TEST):,} were looked at, and {100 * looked:.0f} % of the "
            f"answers about them were wrong before, against {100 * (1 - was.mean()):.0f} % of all"
        )
        expect(page.get_by_role("listitem").filter(has_text=run)).to_contain_text(lean)
    gap = right(RUNS[1], MANIFEST.label) - right(RUNS[0], MANIFEST.label)
    value = values[RUNS[1]] - values[RUNS[0]]
    differ = (of(RUNS[1], MANIFEST.label)[1] != of(RUNS[0], MANIFEST.label)[1]).astype(float)
    # answered alike, an image changes the difference only by being left out
    rise, fall = np.maximum(differ - gap, value - gap), np.maximum(gap + differ, gap - value)
    below, above = interval(corrections[RUNS[1]] - corrections[RUNS[0]], rise.clip(lower=0), fall.clip(lower=0))
    said = page.get_by_test_id("stMarkdown").filter(has_text=f"{RUNS[1]} minus {RUNS[0]}, accuracy").inner_text()
    found = [float(x.replace("−", "-")) for x in re.findall(r"[+−]\d+\.\d+", said)]
    assert found == pytest.approx([100 * x for x in (gap.mean(), value, value - below, value + above)], abs=0.051)
    expect(page.get_by_text(f"from the {N_DRAWN} images that come first in random order (seed 1; ")).to_be_visible()


def test_a_count_opens_its_images_and_the_queue_goes_on(open_decided):
    page = open_decided(f"compare?{ADDRESS}", height=3000)
    was, now = right("fine-s0", MANIFEST.label), right("fine-s0", LABELS)
    table = page.get_by_test_id("stTable").filter(has_text="became right")
    href = table.get_by_role("row").filter(has_text="fine-s0").get_by_role("link").first.get_attribute("href")
    page.get_by_role("link", name="Go on in random order").click()
    page.wait_for_url(re.compile("review.*order=random"))
    expect(page.get_by_text("in random order (drawn by seed 1)")).to_be_visible()
    page = open_decided(href)
    became = now.index[now > was]
    expect(page.get_by_text(f"{len(became)} images of ")).to_be_visible()
    expect(page.get_by_text("reviewed, and became right")).to_be_visible()
    expect(page.get_by_text(f"Reviewed: {len(became)} of these {len(became)}.")).to_be_visible()
    for image_id in became:
        expect(page.get_by_text(image_id, exact=True)).to_be_visible()


def test_diagnose_shows_its_measures_under_both_labels(open_decided):
    page = open_decided("diagnose?of=fine-s0", height=1600)
    page.get_by_text("What reviewing changed", exact=True).click()
    table = page.get_by_test_id("stTable").filter(has_text="measure of")
    expect(table).to_be_visible()
    cells = table.get_by_role("row").filter(has_text="wrong answers").get_by_role("cell").all_inner_texts()[-2:]
    pairs = [in_classes_of("fine", "fine", labels)[0] for labels in (MANIFEST.label, LABELS)]
    assert cells == [percent((truth != said).mean()) for truth, said in pairs]
    first = table.get_by_role("row").filter(has_text="unbalanced").get_by_role("cell").all_inner_texts()[-2]
    measure = re.match(r"−?[\d.]+", first)[0]
    expect(page.get_by_text(f"Measure: rank correlation of recall with training images {measure} ")).to_be_visible()
