"""Gain due to the easier task, over all images and over some, against figures recomputed from the files."""

import re

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from tests.browser.recomputed import MANIFEST, PROJECT, class_of, in_classes_of, percent
from tests.browser.serving import settle


def summed(taxonomy, coarse):
    """(truth, answer mapped, answer by summing) of each run, in the classes of ``coarse``."""
    coarse_of, own_of = class_of(coarse), class_of(taxonomy)
    mapped = {name: coarse_of[leaf] for leaf, name in own_of.items()}
    for folder in sorted((PROJECT / "model_zoo" / "runs").glob(f"{taxonomy}-s*")):
        p = pd.read_parquet(folder / "predictions_test.parquet").set_index("image_id")
        p.columns = [mapped[name.removeprefix("p:")] for name in p.columns]
        truth = MANIFEST.label.loc[p.index].map(coarse_of)
        yield (
            truth,
            pd.Series(p.columns[p.to_numpy().argmax(axis=1)], p.index),
            p.T.groupby(level=0).sum().T.idxmax(axis=1),
        )


@pytest.mark.parametrize("where", ["", "?where=machine:aurora"])
def test_native_and_common_side_by_side_are_what_the_files_say(opened, where):
    page = opened(f"compare{where}", height=1600)
    chosen = MANIFEST[MANIFEST.split == "test"]
    chosen = chosen[chosen.machine == "aurora"] if where else chosen
    rows = page.get_by_test_id("stTable").first.locator("tbody tr")
    for row, taxonomy in zip(rows.all(), ("fine", "consolidated"), strict=True):
        texts = row.locator("td").all_inner_texts()
        native, common = ([(t[chosen.index], s[chosen.index]) for t, s in in_classes_of(space, taxonomy)]
                          for space in (taxonomy, "consolidated"))  # fmt: skip
        shares = native[0][0].value_counts(normalize=True)
        earned = [(-np.log(shares[t]).to_numpy() * (t == s)).mean() for t, s in native]
        assert texts[0] == str(len(set(class_of(taxonomy).values())))
        for text, value in [
            (texts[1], 1 / len(set(class_of(taxonomy).values()))),
            (texts[2], (shares**2).sum()),
            (texts[3], shares.max()),
            (texts[4], np.mean([accuracy_score(t, s) for t, s in native])),
            (texts[7], np.mean([accuracy_score(t, s) for t, s in common])),
        ]:
            assert text.startswith(percent(value))
        assert texts[5].startswith(f"{np.mean(earned):.2f} (")
        assert texts[6] == texts[9] == f"{len(chosen):,} ({chosen.patient_id.nunique():,})"
    expect(page.get_by_text("For these runs most of the rise is the easier question")).to_be_visible()
    if where:
        cards = page.get_by_text("test split where machine = aurora, original labels, 597 images")
        expect(cards.first).to_be_visible()

    page.get_by_text("More figures").click()
    pairs = [(t[chosen.index], s[chosen.index]) for t, s in in_classes_of("consolidated", "fine")]
    balanced = np.mean([balanced_accuracy_score(t, s) for t, s in pairs])
    more = (
        page.get_by_test_id("stTable")
        .filter(has_text="macro precision")
        .locator("tr", has_text="balanced accuracy")
        .locator("td")
    )
    expect(more.first).to_contain_text(percent(balanced))

    right = sum(((m != t) & (s == t)).astype(int) for t, m, s in summed("fine", "consolidated"))[chosen.index]
    n_images = int((right > 0).sum())
    assert f"{right.sum() / 8:.1f} right" in rows.first.locator("td").nth(8).inner_text()
    page.get_by_role("link", name=re.compile(f"fine.*: {n_images} images becoming right by summing")).click()
    page.wait_for_url(re.compile("/images"))
    settle(page)
    expect(page.locator("a.tile")).to_have_count(n_images)
    shown = {tile.get_attribute("data-image") for tile in page.locator("a.tile").all()}
    assert shown == set(right.index[right > 0])


def test_some_images_are_chosen_in_a_box_and_stay_chosen_behind_a_cell(opened):
    page = opened("compare", height=1600)
    page.get_by_label("Images", exact=True).click()
    page.get_by_text("machine = boreal", exact=True).click()
    page.wait_for_url(re.compile("where=machine"))
    settle(page)
    chosen = MANIFEST[(MANIFEST.split == "test") & (MANIFEST.machine == "boreal")]
    expect(page.get_by_text(f"where machine = boreal, original labels, {len(chosen)} images").first).to_be_visible()
    address = "images?cell=fine-d4c5c234&of=fine-d4c5c234&of=consolidated-a3b2aa53&true=cereb&predicted=bpd"
    page = opened(f"{address}&where=machine:boreal")
    pairs = in_classes_of("consolidated", "fine")
    inside = sum(((t == "cereb") & (s == "bpd")).astype(int) for t, s in pairs)[chosen.index]
    expect(page.get_by_text(f"{(inside > 0).sum()} images of ")).to_be_visible()
    expect(page.get_by_text("only machine = boreal")).to_be_visible()


def test_a_restriction_that_cannot_be_is_one_sentence(opened):
    page = opened("compare?where=machine:<b>nothing</b>")
    expect(
        page.get_by_text("No image has machine = '<b>nothing</b>'; it can be aurora, boreal, cirrus.")
    ).to_be_visible()
