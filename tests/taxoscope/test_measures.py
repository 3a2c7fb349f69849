"""Measures from arrays, each against another library or the core on the demo."""

import re
from pathlib import Path

import cleanlab
import krippendorff
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

import taxoscope as ts
from model_zoo.core.label_space.splits import Split
from model_zoo.core.suggestions.merge_suggestions import merge_candidates
from model_zoo.workspace.workspace import Workspace

README = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return Workspace.demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def fine(demo):
    """Truth, probabilities of three seeds, patients and ids of the demo's validation images."""
    dataset, taxonomy = demo.dataset(), demo.taxonomy("fine")
    runs = [run.predictions(Split.VALIDATION) for run in demo.runs() if run.card.taxonomy.name == "fine"][:3]
    ids = runs[0].image_ids
    places = taxonomy.place_all([dataset.labels[one] for one in ids])
    truth = np.array(taxonomy.names)[places]
    tables = [pd.DataFrame(one.probabilities, columns=list(one.classes)) for one in runs]
    return truth, tables, [dataset.patients[one] for one in ids], ids


def test_label_errors_are_those_of_cleanlab(fine):
    truth, tables, _, ids = fine
    names = list(tables[0].columns)
    found = ts.label_errors(truth, tables, sample_ids=ids)
    mean = np.mean([one.to_numpy(np.float64) for one in tables], axis=0)
    given = np.array([names.index(one) for one in truth])
    theirs = cleanlab.filter.find_label_issues(
        given, mean, filter_by="confident_learning", return_indices_ranked_by="self_confidence"
    )
    assert set(found.index[found["suspected"]]) == {ids[k] for k in theirs}
    quality = pd.Series(cleanlab.rank.get_label_quality_scores(given, mean), index=ids)
    assert found["quality"].to_numpy() == pytest.approx(quality[found.index].to_numpy(), abs=1e-6)
    assert found["quality"].is_monotonic_increasing
    with pytest.raises(ts.TaxoScopeError, match="labels alone"):
        ts.label_errors(truth, truth)
    with pytest.raises(ts.TaxoScopeError, match="score='margin'"):
        ts.label_errors(truth, tables, score="margin")


def test_merges_are_those_that_the_core_finds(fine):
    truth, tables, groups, _ = fine
    found = ts.suggest_merges(truth, tables, groups=groups)
    data = ts.compare(truth, {"a": tables, "b": tables}, groups=groups).data
    expected = merge_candidates(data.models[0].evaluate(data), data.space)
    assert len(found) == len(expected) > 0
    assert [tuple(one) for one in found["classes"]] == [one.members for one in expected]
    assert found["gain"].tolist() == [one.gain for one in expected]
    assert (found["pays"] == (found["low"] > 0)).all()


def test_causes_stand_out_where_they_were_put_in():
    rng = np.random.default_rng(0)
    names = [f"c{k}" for k in range(8)]
    truth = rng.integers(8, size=1600)
    said = truth.copy()
    swapped = rng.random(1600) < 0.5
    said[swapped & (truth == 0)], said[swapped & (truth == 1)] = 1, 0  # one confusable pair
    noise = rng.random(1600) < 0.1
    said[noise] = rng.integers(8, size=noise.sum())
    texts = np.array(names)
    found = ts.diagnose(texts[truth], texts[said], groups=np.arange(1600) // 2)
    assert found.loc["confusable classes", "stands_out"]
    assert not found.loc["unbalanced, too few images", "can_tell"]
    assert not found.loc["capacity wasted, small classes pushed out", "can_tell"]
    sizes = {name: 10 * (k + 1) for k, name in enumerate(names)}
    coarser = {"low": names[:4], "high": names[4:]}
    more = ts.diagnose(texts[truth], texts[said], groups=np.arange(1600) // 2, coarser=coarser, n_train=sizes)
    assert more.loc["unbalanced, too few images", "can_tell"]
    with pytest.raises(ts.TaxoScopeError, match="n_train names 'x'"):
        ts.diagnose(texts[truth], texts[said], n_train={"x": 3})


def test_agreement_is_that_of_krippendorff_and_scikit_learn():
    rng = np.random.default_rng(0)
    first = rng.choice(["a", "b", "c"], 300)
    second = np.where(rng.random(300) < 0.3, rng.choice(["a", "b", "c"], 300), first)
    third = pd.Series(np.where(rng.random(300) < 0.3, "a", first)).where(rng.random(300) < 0.7)
    found = ts.agreement(pd.DataFrame({"Ann": first, "Bo": second, "Cy": third}), groups=np.arange(300) // 3)
    codes = {"a": 0, "b": 1, "c": 2}
    ratings = [[codes.get(one, np.nan) for one in person] for person in (first, second, third)]
    alpha = krippendorff.alpha(reliability_data=ratings, level_of_measurement="nominal")
    assert found.loc["Krippendorff's alpha", "value"] == pytest.approx(alpha)
    assert found.loc["Cohen's kappa: Ann, Bo", "value"] == pytest.approx(cohen_kappa_score(first, second))
    assert found.loc["Krippendorff's alpha", "low"] < alpha < found.loc["Krippendorff's alpha", "high"]
    assert "Fleiss' kappa" not in found.index  # not every image has as many labels
    two = ts.agreement(list(zip(first, second)))
    assert two.loc["Cohen's kappa: person 1, person 2", "value"] == pytest.approx(cohen_kappa_score(first, second))
    assert "Fleiss' kappa" in two.index
    assert two["n_groups"].max() == 300
    with pytest.raises(ts.TaxoScopeError, match="at least two people"):
        ts.agreement([["a"], ["b"]])


def test_a_workspace_gives_what_the_command_compares(tmp_path, monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_DEMO_FOLDER", str(tmp_path))
    opened = ts.open()
    result = opened.compare("fine", "consolidated")
    assert result.verdict == "better, possibly by less than the margin"
    low, high = re.search(r"\(95 % CI \+([\d.]+) to \+([\d.]+), over patients and seeds\)", README).groups()
    assert (100 * result.ci[0], 100 * result.ci[1]) == pytest.approx((float(low), float(high)), abs=5e-4)
    assert len(opened.images()) == 3659
    assert opened.images()["split"].eq("test").sum() == 1447
    run = opened.runs().index[0]
    assert opened.predictions(run).sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-3)
    assert next(iter(opened.taxonomies)) == "fine"
    files = result.report(tmp_path / "report.html")
    assert [path.suffix for path in files] == [".html", ".csv", ".json"]
    with pytest.raises(ts.TaxoScopeError, match="There is no run 'x'"):
        opened.predictions("x")
    with pytest.raises(ts.TaxoScopeError, match="split='exam'"):
        opened.predictions(run, "exam")
    with pytest.raises(ts.TaxoScopeError, match="no folder"):
        ts.open(tmp_path / "none")
