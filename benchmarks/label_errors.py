"""How early label errors come: rankings on labels that people judged again, and the review queue on the demo's truth.

    uv run python benchmarks/label_errors.py [--resamples 10000]

CIFAR-10's test set with the cross-validated probabilities of Northcutt et al. 2021: only the 275 images that five
people judged again count; wrong are those where fewer than three of five kept the given label. Every interval is the
percentile bootstrap over these images; differences are paired, and "better" or "worse" is said only where the
interval of the difference leaves 0 out. People judged what confident learning had picked, so figures hold for
ranking within that pick alone.

The demo's part reads the generated truth, which nothing but benchmarks and tests may; a queue shorter than 50 or 100
has no such figure, and the random order is the mean over 200 seeds.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

from dashboard.address.queue import Order
from dashboard.address.selection import Labels, Space
from dashboard.decisions.queue import QueueItem
from dashboard.evaluation.comparison import find_subjects
from dashboard.evaluation.queue_order import ordered
from dashboard.server_state.open_workspace import Desk
from dashboard.words import share_text
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.review.label_errors import LabelErrors, Quality, find_label_errors, label_quality
from model_zoo.workspace.run import Series
from model_zoo.workspace.workspace import PROJECT, Workspace

DATA = PROJECT.parent / "shared" / "data" / "label_errors_cifar10"
FIRST = 50
Scores = NDArray[np.float64]
CLEANLAB = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def average_precision(wrong: NDArray[np.bool_], score: NDArray[np.float64], weights: NDArray[np.int64]) -> Scores:
    """Average precision per resample, (B,): ranked by ``score`` (N,), lowest first, counted ``weights`` (B, N)."""
    order = np.argsort(score, kind="stable")
    hits = np.cumsum(weights[:, order] * wrong[order], axis=1)
    precision = hits / np.maximum(1, np.cumsum(weights[:, order], axis=1))
    return (weights[:, order] * wrong[order] * precision).sum(axis=1) / hits[:, -1]


def precision_at(
    n: int, wrong: NDArray[np.bool_], score: NDArray[np.float64], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of wrong labels among the first ``n`` images of each resample, (B,)."""
    order = np.argsort(score, kind="stable")
    counted = weights[:, order]
    before = np.cumsum(counted, axis=1) - counted
    return (np.clip(n - before, 0, counted) * wrong[order]).sum(axis=1) / n


def judged_again(folder: Path) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Labels (N,), probabilities (N, K), rows judged again (M,) and whether people call them wrong (M,)."""
    labels = np.load(folder / "cifar10_test_set_original_labels.npy").astype(np.int64)
    said = np.load(folder / "cifar10_test_set_pyx.npy")
    people = json.loads((folder / "cifar10_mturk.json").read_text())
    rows = np.array([one["id"] for one in people])
    return labels, said, rows, np.array([one["mturk"]["given"] < 3 for one in people])


def rankings(labels: NDArray[np.int64], said: NDArray[np.float64]) -> tuple[dict[str, Scores], dict[str, Scores]]:
    """Scores of all images by ranking, lower is worse: ours, and cleanlab's own."""
    found = LabelErrors(labels, said)
    ours = {f"ours, {score}": found.quality(score) for score in Quality}
    ours["ours, suspects first, self-confidence"] = found.quality() + ~found.suspected
    theirs = {f"cleanlab, {name}": get_label_quality_scores(labels, said, method=name) for name in CLEANLAB}
    for name in CLEANLAB[:2]:
        adjusted = get_label_quality_scores(labels, said, method=name, adjust_pred_probs=True)
        theirs[f"cleanlab, {name}, adjusted"] = adjusted
    return ours, theirs


def photographs(n_resamples: int) -> None:
    """The table of rankings on labels that people judged again."""
    labels, said, rows, wrong = judged_again(DATA)
    ours, theirs = rankings(labels, said)
    weights = np.random.default_rng(0).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), n_resamples)
    weights[0] = 1  # the images themselves
    figures = {
        name: (average_precision(wrong, score[rows], weights), precision_at(FIRST, wrong, score[rows], weights))
        for name, score in (ours | theirs).items()
    }
    print(f"CIFAR-10 test set, {len(rows)} images judged again, {wrong.sum()} labels wrong; {n_resamples:,} resamples")
    print(f"chance: {wrong.mean():.3f}\n{'ranking':48} {'average precision':>24} {f'precision at {FIRST}':>24}")
    for name, both in figures.items():
        print(f"{name:48} " + " ".join(f"{with_interval(one):>24}" for one in both))
    print(f"\n{'ours minus cleanlab, paired':78} {'average precision':>31} {f'precision at {FIRST}':>31}")
    for name in ours:
        for other in theirs:
            differences = [a - b for a, b in zip(figures[name], figures[other], strict=True)]
            cells = " ".join(f"{with_interval(one) + ' ' + verdict(one):>31}" for one in differences)
            print(f"{name.removeprefix('ours, '):37} minus {other.removeprefix('cleanlab, '):34} {cells}")


def with_interval(resampled: NDArray[np.float64]) -> str:
    """The figure of the images themselves (first) and its 95 % interval."""
    low, high = np.quantile(resampled[1:], [0.025, 0.975])
    return f"{resampled[0]:.3f} ({low:.3f}, {high:.3f})"


def verdict(difference: NDArray[np.float64]) -> str:
    """Better or worse only where the 95 % interval of a paired difference leaves 0 out."""
    low, high = np.quantile(difference[1:], [0.025, 0.975])
    return "better" if low > 0 else "worse" if high < 0 else "–"


def demo(desk: Desk) -> None:
    """The review queue's orders against the demo's generated truth."""
    lines = (PROJECT / "model_zoo" / "sample_images" / "truth.jsonl").read_text().splitlines()
    truth = {one["image_id"]: frozenset({one["true_leaf"]}) for one in map(json.loads, lines)}
    test = desk.dataset().split(Split.TEST)
    wrong = {image.image_id for image in test if image.label != truth[image.image_id]}
    series = {one.card.taxonomy.name: one for one in desk.series()}
    print(f"\nDemo, test split, {len(test):,} images, {len(wrong)} labels wrong ({len(wrong) / len(test):.1%})")
    print("Wrong labels among the first 50 and 100 of the queue (common ground): any; in the finest's classes")
    heads = ("any: 50", "100", "classes: 50", "100")
    print(f"{'chosen':22} {'order':12} {'images':>7} " + "{:>10} {:>10} {:>12} {:>10}".format(*heads))
    for names in (("fine",), ("consolidated",), ("fine", "consolidated")):
        subjects = find_subjects(desk.series(), [series[name].series_id for name in names])
        finest = max((series[name].card.taxonomy for name in names), key=lambda one: len(one.classes))
        class_wrong = {i.image_id for i in test if finest.place(i.label) != finest.place(truth[i.image_id])}
        for order in Order:
            seeds = range(1, 2 if order.uses_runs else 201)
            queues = [
                ordered(desk, subjects, order, Space.COMMON, Split.TEST, Labels.ORIGINAL, seed).items for seed in seeds
            ]
            cells = [
                share_text(np.mean([hits(one, n, of) for one in queues]))
                for of in (wrong, class_wrong)
                for n in (50, 100)
            ]
            print(
                f"{' + '.join(names):22} {order:12} {len(queues[0]):7,} {cells[0]:>10} {cells[1]:>10} {cells[2]:>12} "
                f"{cells[3]:>10}   of {len(class_wrong)}"
            )
    ensembles(desk, series, truth)


def hits(items: Sequence[QueueItem], n: int, wrong: set[str]) -> float:
    """The share of wrong labels among the first ``n`` of a queue; NaN where it is shorter."""
    return float(np.mean([item.image_id in wrong for item in items[:n]])) if len(items) >= n else float("nan")


def ensembles(desk: Desk, series: Mapping[str, Series], truth: Mapping[str, Label]) -> None:
    """Average precision of one run, of the mean of probabilities and of the mean of scores."""
    print("\nSeveral runs of a series, average precision on the test split (labels wrong in the series' own classes)")
    print(f"{'series':14} {'score':28} {'one run (mean)':>15} {'mean probabilities':>19} {'mean scores':>12}")
    for name in ("fine", "merged_no", "anatomy"):
        runs, taxonomy = series[name].runs, series[name].card.taxonomy
        stored = [run.predictions(Split.TEST) for run in runs]
        labels = desk.dataset().labels
        given = taxonomy.place_all([labels[one] for one in stored[0].image_ids])
        wrong = given != taxonomy.place_all([truth[one] for one in stored[0].image_ids])
        said = np.stack([one.probabilities.astype(np.float64) for one in stored])
        once = np.ones((1, len(given)), dtype=np.int64)
        for score in Quality:
            each = [label_quality(given, one, score) for one in said]
            alone = np.mean([average_precision(wrong, one, once) for one in each])
            together = average_precision(wrong, find_label_errors(given, said).quality(score), once)[0]
            averaged = average_precision(wrong, np.mean(each, axis=0), once)[0]
            print(f"{name:14} {score:28} {alone:15.3f} {together:19.3f} {averaged:12.3f}")


def main(n_resamples: int) -> None:
    """Print both tables; the first only where its data lies beside the project."""
    if DATA.exists():
        photographs(n_resamples)
    else:
        print(f"There is no {DATA}: rankings on labels that people judged again were NOT measured.", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        demo(Desk(Workspace.demo(Path(folder))))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=10_000)
    main(parser.parse_args().resamples)
