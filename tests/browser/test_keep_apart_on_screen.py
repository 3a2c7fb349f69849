"""What to keep apart, on screen: the least separable pair against the files, by other code, and its images."""

import re

import numpy as np
import pandas as pd
from playwright.sync_api import expect
from sklearn.metrics import roc_auc_score

from tests.browser.recomputed import MANIFEST, PROJECT, class_of
from tests.browser.serving import settle


def area(taxonomy, pair):
    """AUC of a pair, mean over the seeds, and the images of either class, from the files alone."""
    areas = []
    for folder in sorted((PROJECT / "model_zoo" / "runs").glob(f"{taxonomy}-s*")):
        frame = pd.read_parquet(folder / "predictions_validation.parquet").set_index("image_id")
        true = MANIFEST.label.loc[frame.index].map(class_of(taxonomy))
        inside = true.isin(pair)
        score = np.log(frame.loc[inside, f"p:{pair[0]}"]) - np.log(frame.loc[inside, f"p:{pair[1]}"])
        areas.append(roc_auc_score(true[inside] == pair[0], score))
    return np.mean(areas), tuple((true == name).sum() for name in pair)


def test_the_least_separable_pair_and_its_images(opened):
    page = opened("taxonomies?taxonomy=fine.v1", height=1400)
    table = page.get_by_test_id("stTable").filter(has_text="0.5 is chance")
    cells = [cell.inner_text() for cell in table.locator("tbody tr").first.locator("th, td").all()]
    pair = cells[0].split(" / ")
    auc, n_images = area("fine", pair)
    assert re.fullmatch(rf"{auc:.2f} \(0\.\d\d to 0\.\d\d\)", cells[1])
    assert cells[4].startswith(f"{n_images[0]} + {n_images[1]} (")
    expect(
        page.get_by_text(f"No series is known to separate {pair[0]} from {pair[1]} better than chance")
    ).to_be_visible()
    expect(page.get_by_text("nobody has decided twice yet").first).to_be_visible()
    link = table.locator("tbody tr").first.get_by_role("link")
    page.goto(page.url.split("/taxonomies")[0] + "/" + link.get_attribute("href").split("/")[-1])
    settle(page)
    expect(page.get_by_text(f"{sum(n_images)} images of")).to_be_visible()
    expect(page.get_by_text(f"true {pair[0]} or {pair[1]}")).to_be_visible()
