"""Matrices on screen against the Parquet files: the difference, number by number, and the images behind its cells."""

import re

import numpy as np
from playwright.sync_api import expect
from scipy.stats import t as student
from sklearn.metrics import confusion_matrix

from tests.browser.recomputed import MANIFEST, class_names, in_classes_of
from tests.browser.serving import settle

NAMES = class_names("consolidated")


def per_patient(taxonomy):
    """(patients, K, K): mean images per cell over the runs, each patient's own matrix."""
    pairs = in_classes_of("consolidated", taxonomy)
    patients = MANIFEST.patient_id[pairs[0][0].index]
    assert (patients != "").all()
    groups = patients.groupby(patients).groups.values()
    return np.array(
        [
            np.mean([confusion_matrix(true[rows], said[rows], labels=NAMES) for true, said in pairs], axis=0)
            for rows in groups
        ]
    )


def texts_of_the_difference():
    """Row by row what each cell should say: points of the true class, and ? where the interval holds 0."""
    first, second = per_patient("fine"), per_patient("consolidated")
    texts = []
    for i in range(len(NAMES)):
        totals = first[:, i].sum(axis=1)
        n_patients = (totals > 0).sum()
        for j in range(len(NAMES)):
            if not first[:, i, j].any() and not second[:, i, j].any():
                continue
            moved = second[:, i, j] - first[:, i, j]
            d = moved.sum() / totals.sum()
            z = (moved - d * totals) / totals.sum()
            differ = (abs(moved) > 1e-9).sum()
            half = student.ppf(0.975, max(differ - 1, 1)) * np.sqrt(n_patients / (n_patients - 1) * (z**2).sum())
            doubt = differ and (differ == 1 or abs(d) <= half)
            texts.append("0" if abs(d) < 1e-12 else f"{100 * d:+.1f}".replace("-", "−"))
            texts[-1] += "?" if doubt else ""
    return texts


def click_cell(page, plot, i, j, n_rows, n_columns):
    box = plot.locator(".nsewdrag").bounding_box()
    page.mouse.click(box["x"] + box["width"] / n_columns * (j + 0.5), box["y"] + box["height"] / n_rows * (i + 0.5))
    page.wait_for_url(re.compile("/images"))
    settle(page)


def n_images(pairs, true, said):
    """In how many images, and how often over all runs, the answer falls in a cell of several classes a side."""
    inside = sum((t.isin(true) & s.isin(said)).astype(int) for t, s in pairs)
    return int((inside > 0).sum()), int(inside.sum())


def test_from_the_difference_to_the_images_of_both(opened):
    page = opened("compare", height=3400)
    page.get_by_role("radio", name="Difference").click()
    page.wait_for_url(re.compile("matrices=difference"))
    settle(page)
    matrix = page.locator(".js-plotly-plot:has(.hm)")
    expect(matrix).to_have_count(1)
    expect(page.get_by_text("percentage points of the true class").first).to_be_visible()
    assert matrix.locator(".annotation-text").all_text_contents() == texts_of_the_difference()

    i = NAMES.index("no_marker")
    click_cell(page, matrix, i, i, len(NAMES), len(NAMES))
    for taxonomy, other in (("fine", "consolidated"), ("consolidated", "fine")):
        pairs = in_classes_of("consolidated", taxonomy)
        n, times = n_images(pairs, ["no_marker"], ["no_marker"])
        expect(page.get_by_text(f"{n} images of ")).to_be_visible()
        expect(page.get_by_text(f"together {times:,} times in {len(pairs)} runs")).to_be_visible()
        n, _ = n_images(in_classes_of("consolidated", other), ["no_marker"], ["no_marker"])
        page.get_by_role("button", name=f"The same cell of {other} · 8 seeds: {n} images").click()
        page.wait_for_url(re.compile(f"cell={other}"))
        settle(page)
    page.get_by_role("link", name="Back to Compare").click()
    page.wait_for_url(re.compile("/compare.*matrices=difference"))


def test_two_label_spaces_have_no_difference_until_they_share_one(opened):
    page = opened("compare?space=native&matrices=difference&only=bpd", height=3400)
    expect(page.get_by_text("look at the difference on their common ground")).to_be_visible()
    expect(page.locator(".js-plotly-plot:has(.hm)")).to_have_count(0)
    page.get_by_role("button", name="Show the common ground").click()
    page.wait_for_url(lambda url: "space=common" in url and "only=" not in url)
    settle(page)
    expect(page.locator(".js-plotly-plot:has(.hm)")).to_have_count(1)


def test_a_cell_of_groups_and_others_opens_all_their_images(opened):
    """fine-s0 in the classes of its own, collapsed by structure, and but two of those shown."""
    page = opened("compare?of=fine-s0&group=part%3Astructure&only=bpd&only=cereb", height=3400)
    ((truth, said), *_) = in_classes_of("fine", "fine")
    groups = {"bpd": [], "cereb": [], "(other)": []}
    for name in class_names("fine"):
        groups[next((one for one in ("bpd", "cereb") if name.split("_")[-1] == one), "(other)")].append(name)
    group_of = {name: group for group, names in groups.items() for name in names}
    counts = confusion_matrix(truth.map(group_of), said.map(group_of), labels=list(groups))
    matrix = page.locator(".js-plotly-plot:has(.hm)")
    shares = 100 * counts / counts.sum(axis=1, keepdims=True)
    wanted = ["<1" if share < 0.5 else f"{share:.0f}" for share in shares.ravel() if share > 0]
    assert matrix.locator(".annotation-text").all_text_contents() == wanted
    assert matrix.locator(".ytick text").all_text_contents() == ["bpd (3)", "cereb (3)", "(other) (13)"]
    click_cell(page, matrix, 1, 2, 3, 3)
    expect(page.get_by_text(f"{counts[1, 2]} images of ")).to_be_visible()
    page.get_by_role("link", name="Back to Compare").click()
    page.wait_for_url(re.compile("/compare.*only=bpd"))
    settle(page)
    click_cell(page, page.locator(".js-plotly-plot:has(.hm)"), 0, 1, 3, 3)
    expect(page.get_by_text(f"{counts[0, 1]} images of ")).to_be_visible()
