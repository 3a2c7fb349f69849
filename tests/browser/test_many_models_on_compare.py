"""Three models or more on Compare: the table against a baseline, recomputed from the files; one model alone."""

import re

from playwright.sync_api import expect

from tests.browser.recomputed import MANIFEST, answers, class_of
from tests.browser.serving import settle

RUNS = ("fine-s0", "fine-s1", "fine-s2")


def correct():
    """Whether each run is correct on each test image, by run."""
    own = class_of("fine")
    return {
        run: answers("fine", "test")[run] == MANIFEST.label.loc[answers("fine", "test")[run].index].map(own)
        for run in RUNS
    }


def test_the_table_names_who_is_left_out_and_links_the_images_that_one_gets_wrong(opened):
    page = opened(f"compare?{'&'.join(f'of={run}' for run in (*RUNS, 'consolidated-s0'))}", height=1800)
    right = correct()
    heading = page.get_by_role("heading", name="All models against a baseline")
    expect(heading).to_be_visible()
    table = page.get_by_test_id("stTable").first
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(3)
    for row, run in zip(rows.all(), RUNS, strict=True):
        texts = row.inner_text()
        assert run in texts
        assert f"{100 * right[run].mean():.1f} %" in texts
        if run != RUNS[0]:
            assert f"{100 * (right[run].mean() - right[RUNS[0]].mean()):+.1f}".replace("-", "−") in texts
            assert re.search(r"[+−]?\d+\.\d to [+−]?\d+\.\d", texts)
    said = page.locator("body").inner_text()
    assert "Left out: consolidated-s0, which would reduce the shared classes from 19 to 9." in said
    assert "comparisons on this test split so far" in said
    assert "Interim: 1, 1 and 1 of 8 planned seeds." in said

    alone = {i for i, ok in right[RUNS[0]].items() if not ok and right[RUNS[1]][i] and right[RUNS[2]][i]}
    page.get_by_text(f"{len(alone)} images that only {RUNS[0]} gets wrong").click()
    one = min(alone)
    link = page.get_by_role("link", name=one, exact=True)
    assert f"image={one}" in link.get_attribute("href")

    page.get_by_test_id("stSelectbox").filter(has_text="Baseline").get_by_role("combobox").click()
    page.get_by_role("option", name=RUNS[1], exact=True).click()
    settle(page)
    expect(table.locator("tbody tr").first).to_contain_text(RUNS[1])
    page.get_by_role("link", name="Compare consolidated-s0 with the baseline alone").click()
    settle(page)
    expect(heading).to_have_count(0)
    gaps = page.get_by_role("heading", name=re.compile("consolidated-s0"))
    expect(gaps.first).to_be_visible()


def test_one_model_alone_says_what_the_test_split_can_detect(opened):
    page = opened("compare?of=fine-s0")
    expect(page.get_by_text(re.compile(r"is detected with 80 % power is \d+\.\d pp"))).to_be_visible()
