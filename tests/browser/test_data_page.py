"""The page Data: every number against the manifest, counted by pandas; what a click opens."""

import re

from playwright.sync_api import expect

from tests.browser.recomputed import MANIFEST, class_of
from tests.browser.serving import settle


def bars(page):
    """The chart as the browser drew it: split -> name -> (images, patients), the latter from what hovering says."""
    drawn = page.evaluate(
        """() => { const plot = document.querySelector('.js-plotly-plot');
        return {names: plot.layout.yaxis.ticktext,
                bars: plot.data.map(bar => [bar.name, bar.hovertemplate])}; }"""
    )
    told = {}
    for split, texts in drawn["bars"]:
        numbers = [re.search(r"<br>([\d,]+) images of ([\d,]+) patients", text).groups() for text in texts]
        pairs = [tuple(int(one.replace(",", "")) for one in pair) for pair in numbers]
        told[split] = dict(zip(drawn["names"], pairs, strict=True))
    return told


def test_counts_are_the_manifest_s_and_a_bar_opens_its_images(opened):
    page = opened("data?by=class:fine")
    main = page.get_by_test_id("stMain")
    for split, name in (("train", "train"), ("validation", "validation"), ("test", "test")):
        rows = MANIFEST[MANIFEST.split == split]
        card = page.get_by_test_id("stMetric").filter(has_text=name)
        expect(card).to_contain_text(f"{len(rows):,}")
        expect(main).to_contain_text(f"of {rows.patient_id.nunique():,} patients")

    truth = MANIFEST.assign(of=MANIFEST.label.map(class_of("fine")))
    page.locator(".js-plotly-plot .barlayer").wait_for()
    told = bars(page)
    for split in ("train", "validation", "test"):
        some = truth[truth.split == split].groupby("of").patient_id
        there = {name: n for name, n in told[split].items() if any(n)}  # uploads that other tests keep are in no split
        assert there == {name: (len(of), of.nunique()) for name, of in some}
    most = truth.of.value_counts()
    expect(main).to_contain_text(f"Always answering {most.index[0]} would be right for")
    expect(main).to_contain_text(f"{100 * most.iloc[0] / len(truth):.1f} % of {len(truth):,} images")
    spread = MANIFEST.groupby("patient_id").split.nunique()
    assert spread.max() == 1
    expect(main).to_contain_text("No named patient has images in two splits.")

    box = page.locator(".js-plotly-plot .barlayer .trace").first.locator(".point").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**/images?*")
    settle(page)
    n_images, n_patients = next(iter(told["train"].values()))
    assert "split=train" in page.url
    expect(main).to_contain_text(f"{n_images:,} images of {n_patients:,} patients, train split")


def test_a_wrong_address_is_one_sentence(opened):
    page = opened("data?by=shape")
    expect(page.get_by_text("The address counts by 'shape'; it can be class:TAXONOMY, label, patient")).to_be_visible()
