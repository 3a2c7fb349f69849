"""A restriction in the address is shown and taken away; one that leaves no image says what to do."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.recomputed import MANIFEST, in_classes_of, percent
from tests.browser.serving import settle


def wrong(kept=None):
    """The share of wrong answers of the series `fine` in its own classes, over the images ``kept``."""
    shares = []
    for truth, said in in_classes_of("fine", "fine"):
        chosen = truth.index if kept is None else truth.index[truth.index.isin(kept)]
        shares.append((truth.loc[chosen] != said.loc[chosen]).mean())
    return percent(sum(shares) / len(shares))


def images(page):
    return page.get_by_role("combobox", name="Images", exact=True)


def choose_all_images(page):
    images(page).click()
    page.get_by_role("option", name="All images").click()
    page.wait_for_url(re.compile(r"^(?!.*where=)"))
    settle(page)


def show_all_images(page):
    page.get_by_role("button", name="Show all images").click()
    page.wait_for_url(re.compile(r"^(?!.*where=)"))
    settle(page)


def test_diagnose_shows_the_restriction_and_takes_it_away(opened):
    page = opened("diagnose?where=machine:aurora", height=1400)
    expect(images(page)).to_have_value("machine = aurora")
    aurora = MANIFEST[(MANIFEST.machine == "aurora") & (MANIFEST.split == "test")]
    basis = f"test split where machine = aurora, original labels, {len(aurora)} images of "
    expect(page.get_by_text(basis).first).to_be_visible()
    expect(page.get_by_text(f"Wrong: {wrong(aurora.index)} (")).to_be_visible()
    choose_all_images(page)
    expect(page.get_by_text(f"Wrong: {wrong()} (")).to_be_visible()
    expect(page.get_by_text("where machine = aurora")).to_have_count(0)


def test_review_shows_the_restriction_and_takes_it_away(opened):
    page = opened("review?where=machine:aurora")
    page.get_by_role("button", name="Test split, machine = aurora").click()
    pairs = in_classes_of("consolidated", "fine") + in_classes_of("consolidated", "consolidated")
    anywhere = sum((truth != said).astype(int) for truth, said in pairs) > 0
    some = (anywhere & (MANIFEST.machine.loc[anywhere.index] == "aurora")).sum()
    expect(page.get_by_text(f"test split where machine = aurora): {some:,};")).to_be_visible()
    show_all_images(page)
    expect(page.get_by_text(f"test split): {anywhere.sum():,};")).to_be_visible()


@pytest.mark.parametrize("address", ["compare", "compare?space=native", "diagnose"])
def test_where_no_image_is_left_the_page_says_what_to_do(opened, address):
    page = opened(f"{address}{'&' if '?' in address else '?'}where=gestational_age_weeks:0..1")
    sentence = "No image of the test split where 0 ≤ gestational_age_weeks < 1 can be judged here."
    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(0)
    show_all_images(page)
    expect(page.get_by_text(sentence)).to_have_count(0)
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible()


def test_an_empty_queue_says_so_too(opened):
    page = opened("review?where=gestational_age_weeks:0..1")
    expect(page.get_by_text("Take a filter away above.")).to_be_visible()


def test_previews_name_the_restriction_and_count_its_images_alone(opened):
    page = opened("taxonomies?taxonomy=consolidated&split=test", height=1400)
    images(page).click()
    page.get_by_role("option", name="machine = aurora").click()
    expect(page.get_by_text("test split where machine = aurora")).to_be_visible()
    expect(page.get_by_text("below, looks at all images of validation")).to_be_visible()
    judged = in_classes_of("consolidated", "fine")
    aurora = MANIFEST.index[MANIFEST.machine == "aurora"]
    shares = [(t == s).loc[t.index.isin(aurora)].mean() for t, s in judged]
    expect(page.get_by_text(percent(sum(shares) / len(shares))).first).to_be_visible()


def test_previews_of_no_image_say_what_to_do(opened):
    page = opened("taxonomies?where=gestational_age_weeks:0..1")
    expect(page.get_by_text("can be judged here. Take the restriction away, or choose another split.")).to_be_visible()
    show_all_images(page)
    expect(page.get_by_text("; validation split, original labels. The models' answers are mapped")).to_be_visible()
