"""The results of the demo's own story, whichever way they fall; the tables of the README.

    uv run --no-sync python benchmarks/story.py

The shipped run groups along the path from fine to consolidated, on the test split with original labels: native accuracy
of each, then the result of each pair on its shared classes, over all images and over those that are measured (the
positive classes of the story). The README holds `result_lines`, `why_line` and `native_line` word for word; a test
checks it.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dashboard.words import points_interval
from model_zoo.core.comparison.comparison import Verdict, pair, verdict
from model_zoo.core.comparison.outcomes import Outcome, Question
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy, evaluate
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground
from model_zoo.workspace.run import Series
from model_zoo.workspace.workspace import Workspace

MEASURED = "*.placed.present"
PAIRS = (
    ("fine", "consolidated"),
    ("fine", "merged_na"),
    ("fine", "merged_no"),
    ("merged_na", "consolidated"),
    ("merged_no", "consolidated"),
    ("fine", "one_negative"),
    ("consolidated", "one_negative"),
)


@dataclass(frozen=True)
class Story:
    """``natives`` by taxonomy, ``results`` by pair (first, second): over all images, and over the measured ones."""

    series: dict[str, Series]
    natives: dict[str, Evaluation]
    results: dict[tuple[str, str], tuple[Verdict, Verdict]]


def story() -> Story:
    """Everything that the tables say, computed from the shipped predictions."""
    workspace = Workspace.demo(Path(tempfile.mkdtemp()))
    dataset, margin = workspace.dataset(), workspace.rule.margin
    series = {one.card.taxonomy.name: one for one in workspace.series()}
    measured = {image_id for image_id, label in dataset.labels.items() if label <= workspace.space.parse(MEASURED)}

    def judged(one: Series, space: Taxonomy) -> Evaluation:
        said = [run.predictions(Split.TEST) for run in one.runs]
        return evaluate(said, one.card.taxonomy, space, dataset.labels, dataset.patients)

    def result(second: Evaluation, first: Evaluation) -> Verdict:
        return verdict(pair(second, first), Headline.ACCURACY, Question.TRAINING, margin)

    results = {}
    for first, second in PAIRS:
        shared = common_ground([series[first].card.taxonomy, series[second].card.taxonomy])
        sides = [judged(series[name], shared) for name in (second, first)]
        kept = np.array([image_id in measured for image_id in sides[0].image_ids])
        results[first, second] = result(*sides), result(*(side.only(kept) for side in sides))
    natives = {name: judged(one, one.card.taxonomy) for name, one in series.items()}
    return Story(series, natives, results)


def difference_text(said: Verdict, digits: int = 2) -> str:
    """``inconclusive −0.1 (−1.12 to +0.84)``, in percentage points; all but that in bold."""
    gap = said.difference
    named = said.outcome if said.outcome is Outcome.INCONCLUSIVE else f"**{said.outcome}**"
    ends = points_interval(gap.low, gap.high, digits)
    return f"{named} {100 * gap.value:+.1f} ({ends})".replace("-", "−")


def result_lines(told: Story) -> list[str]:
    """The README's table of results, with what the test split can miss below it."""
    every, measured = told.results[PAIRS[0]]
    lines = [
        f"| second against first | all {every.n_images:,} images of {every.n_patients} patients | "
        f"measured: {measured.n_images} of {measured.n_patients} patients |",
        "|---|---|---|",
    ]
    for (first, second), results in told.results.items():
        seeds = " and ".join(str(len(told.series[name].runs)) for name in (second, first))
        lines.append(f"| {second} against {first} ({seeds} seeds) | {' | '.join(map(difference_text, results))} |")
    return [*lines, "", missed_line(told)]


def missed_line(told: Story) -> str:
    """Whether *equivalent* can be stated at all: what a split of this size can miss, against the margin."""
    every = told.results[PAIRS[0]][0]
    can = "can" if every.unseen <= every.margin else "cannot"
    return (
        f"The test split can miss up to {100 * every.unseen:.1f} % of wholly different patients, and the margin is "
        f"{100 * every.margin:g} pp: *equivalent* {can} be stated of the demo."
    )


def why_line(told: Story) -> str:
    """The README's comparison in one line, on the shared classes."""
    said = told.results["fine", "consolidated"][0]
    gap = said.difference
    return (
        f"{100 * said.b:.1f} % stand against {100 * said.a:.1f} %: {100 * gap.value:+.1f} pp "
        f"(95 % CI {points_interval(gap.low, gap.high, 2)}, over patients and seeds): *{said.outcome}*."
    ).replace("-", "−")


def native_line(told: Story) -> str:
    """The README's native accuracies, lowest first, of the models along the path."""
    path = {name for both in PAIRS for name in both}
    means = sorted((accuracy(one).mean, name) for name, one in told.natives.items() if name in path)
    return ", ".join(f"{name} {100 * mean:.1f} %" for mean, name in means)


def main() -> None:
    """Print all of it as Markdown."""
    told = story()
    print("| trained on | classes | seeds | native accuracy (95 % CI, patients only) |\n|---|---|---|---|")
    for name, one in told.series.items():
        share = accuracy(told.natives[name]).share
        print(
            f"| {name} | {len(one.card.classes)} | {len(one.runs)} | "
            f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}) |"
        )
    print(f"\n{native_line(told)}\n\n{why_line(told)}\n")
    print("\n".join(result_lines(told)))


if __name__ == "__main__":
    main()
