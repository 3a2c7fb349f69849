"""From a cause to the images behind it, each number on screen against one recomputed from the files by other code."""

import re
from dataclasses import replace

import numpy as np
from playwright.sync_api import expect
from scipy.stats import spearmanr
from sklearn.metrics import recall_score

from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.learning_curve import FOLDER, ReducedClass
from model_zoo.workspace.run import write_run
from model_zoo.workspace.workspace import Workspace
from tests.browser.recomputed import MANIFEST, answers, class_names, class_of, in_classes_of, percent
from tests.browser.serving import settle, taxoscope


def test_from_a_cause_to_its_images(opened):
    page = opened("diagnose", height=5200)
    expect(page.get_by_role("heading", level=3)).to_have_count(4)
    expect(page.get_by_text("does not sum to 100 %")).to_be_visible()
    text = page.get_by_test_id("stMain").inner_text()

    names, own = class_names("fine"), class_of("fine")
    training = MANIFEST[MANIFEST.split == "train"].label.map(own).value_counts()
    most, fewest = training.max(), training.min()
    assert f"Training images of a class: {most} ({training.idxmax()}) to {fewest} (" in text
    assert f"ratio {most / fewest:.1f}; {training.sum():,} images in all" in text
    pairs = in_classes_of("fine", "fine")
    recalls = sum(recall_score(t, s, labels=names, average=None) for t, s in pairs) / len(pairs)
    rho = spearmanr(recalls, training.loc[names]).statistic
    assert f"rank correlation of recall with training images {rho:.2f} (95 % " in text

    coarse = {name: class_of("consolidated")[leaf] for leaf, name in own.items()}
    inside = sum(((t != s) & (t.map(coarse) == s.map(coarse))).mean() for t, s in pairs) / len(pairs)
    wrong = sum((t != s).mean() for t, s in pairs) / len(pairs)
    assert re.search(rf"Wrong: {percent(wrong)} \(.*\) = inside one class of consolidated {percent(inside)} ", text)
    accuracies = [
        sum((t == s).mean() for t, s in judged) / len(judged)
        for judged in (in_classes_of("consolidated", "fine"), in_classes_of("consolidated", "consolidated"))
    ]
    first, second = map(percent, accuracies)
    assert re.search(rf"is right on {first}, .* on {second} of images", text)

    row = page.get_by_role("row", name="bpd / cereb").first
    counts = [sum(((t == a) & (s == b)).sum() for t, s in pairs) for a, b in (("bpd", "cereb"), ("cereb", "bpd"))]
    shown = row.get_by_role("cell").all_inner_texts()
    assert shown[:3] == [f"{n / len(pairs):.1f}" for n in (*counts, sum(counts))]
    with page.context.expect_page() as found:
        row.get_by_role("link").nth(1).click()
    images = found.value
    images.wait_for_url(re.compile("/images.*true=cereb.*predicted=bpd"))
    settle(images)
    cell = sum(((t == "cereb") & (s == "bpd")).astype(int) for t, s in pairs)
    expect(images.get_by_text(f"{(cell > 0).sum()} images of ")).to_be_visible()
    expect(images.get_by_text(f"together {cell.sum():,} times in {len(pairs)} runs")).to_be_visible()


def test_a_mark_opens_its_class_and_another_coarser_space_is_a_link(opened):
    (run,) = [name for name in answers("fine") if name.endswith("s0")]
    page = opened(f"diagnose?of={run}&coarser=one_negative&split=validation", height=1400)
    said = answers("fine", "validation")[run]
    truth = MANIFEST.label.loc[said.index].map(class_of("fine"))
    coarse = {name: class_of("one_negative")[leaf] for leaf, name in class_of("fine").items()}
    inside = ((truth != said) & (truth.map(coarse) == said.map(coarse))).mean()
    expect(page.get_by_text(f"inside one class of one_negative {percent(inside)} ")).to_be_visible()
    marks = page.locator(".js-plotly-plot:has(.errorbars)").first
    place = marks.evaluate(
        """plot => { const one = plot._fullData[0], i = one.customdata.findIndex(c => c[1] === 'no_fl');
        const b = plot.getBoundingClientRect(), { xaxis: x, yaxis: y } = plot._fullLayout;
        return [b.x + x._offset + x.d2p(one.x[i]), b.y + y._offset + y.d2p(one.y[i])] }"""
    )
    page.mouse.move(*place)
    page.mouse.click(*place)
    page.wait_for_url(re.compile("/images.*true=no_fl"))
    settle(page)
    expect(page.get_by_text(f"{(truth == 'no_fl').sum()} images of ")).to_be_visible()


def test_a_learning_curve_and_a_larger_model_are_measured_by_retraining(tmp_path, new_page):
    """Written by hand, as training takes minutes: runs of fine that answer like other seeds' or other images'."""
    demo = Workspace.demo(tmp_path / "demo")
    for run in demo.runs():
        name, seed = run.card.taxonomy.name, run.card.seed
        if name == "fine" and seed < 3:
            said = {Split.TEST: run.predictions(Split.TEST)}
            few = {Split.TEST: replace(said[Split.TEST], probabilities=np.full((1447, 19), 1 / 19, np.float32))}
            thinned = replace(run.card, run_id=f"k{seed}", n_train_images=run.card.n_train_images - 12)
            thinned = replace(thinned, recipe={**run.card.recipe, **ReducedClass("no_crl", 6).to_recipe()})
            write_run(thinned, demo.writable / FOLDER, b"", [], few)
            wide = replace(run.card, run_id=f"wide-s{seed}", architecture="wide", n_parameters=5_000_000)
            write_run(wide, demo.writable / "runs", b"", [], said)
    served = taxoscope(tmp_path, TAXOSCOPE_DEMO_FOLDER=str(tmp_path / "demo")).start()
    try:
        page = new_page(height=5200)
        (of,) = {one.series_id for one in demo.series() if len(one.runs) == 8 and one.card.taxonomy.name == "fine"}
        page.goto(f"{served.url}/diagnose?of={of}&coarser=consolidated")
        settle(page)
        text = page.get_by_test_id("stMain").inner_text()
        own, names = in_classes_of("fine", "fine"), class_names("fine")
        found = 100 * sum((s[t == "no_crl"] == "no_crl").mean() for t, s in own) / len(own)
        rest = 100 * sum((s[t != "no_crl"] == t[t != "no_crl"]).mean() for t, s in own) / len(own)
        first = 100 * (own[0][0][own[0][0] != "no_crl"] == names[0]).mean()  # all alike: the first class is said
        n = (own[0][0] == "no_crl").sum()
        assert f"18 training images of no_crl instead of 6: {found:+.1f} points (95 % " in text
        assert re.search(rf"over patients and seeds; {n} images of \d+ patients\) of its recall", text)
        assert f"all other classes together {rest - first:+.1f} points" in text
        coarse = in_classes_of("consolidated", "fine")
        shares = [100 * (t == s).mean() for t, s in coarse]
        gap = sum(shares[:3]) / 3 - sum(shares) / 8
        shown = re.search(r"wide · 3 seeds with 5,000,000 parameters instead of 374,\d+: (\S+) points", text)
        assert shown is not None
        assert shown[1].replace("−", "-") == f"{gap:+.1f}"
    finally:
        served.stop()


def test_without_a_curve_the_page_says_the_command_that_trains_one(opened):
    page = opened("diagnose", height=5200)
    own, names = in_classes_of("fine", "fine"), class_names("fine")
    training = MANIFEST[MANIFEST.split == "train"].label.map(class_of("fine")).value_counts().loc[names]
    recalls = sum(recall_score(t, s, labels=names, average=None) for t, s in own) / len(own)
    few = [k for k, n in enumerate(training) if n <= training.median()]
    scarce = names[min((k for k in few if recalls[k] > 0), key=lambda k: recalls[k])]  # least found, but found
    expect(page.get_by_text(re.compile(rf"^uv run taxoscope learn-curve fine-\w+ {scarce}$"))).to_be_visible()
