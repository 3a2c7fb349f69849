"""What the verdict says of the demo's own story, whichever way it falls; the table of the README.

    uv run --no-sync python benchmarks/story.py

The shipped series along the path from fine to consolidated, on the test split with original labels: native accuracy
of each, then the verdict of each pair on its common ground, over all images and over those that are measured (the
positive classes of the story).
"""

import tempfile
from pathlib import Path

import numpy as np

from model_zoo.core.choices import Headline, Question, Split
from model_zoo.core.comparison import pair, verdict
from model_zoo.core.evaluation import Evaluation, accuracy, evaluate
from model_zoo.core.taxonomy import Taxonomy, common_ground
from model_zoo.run import Series
from model_zoo.workspace import Workspace

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


def main() -> None:
    """Print both tables as Markdown."""
    workspace = Workspace.demo(Path(tempfile.mkdtemp()))
    dataset, margin = workspace.dataset(), workspace.rule.margin
    series = {one.card.taxonomy.name: one for one in workspace.series()}
    measured = {image_id for image_id, label in dataset.labels.items() if label <= workspace.space.parse(MEASURED)}

    def judged(one: Series, space: Taxonomy) -> Evaluation:
        said = [run.predictions(Split.TEST) for run in one.runs]
        return evaluate(said, one.card.taxonomy, space, dataset.labels, dataset.patients)

    print("| trained on | classes | seeds | native accuracy (95 %, patients only) |\n|---|---|---|---|")
    for name, one in series.items():
        share = accuracy(judged(one, one.card.taxonomy)).share
        print(
            f"| {name} | {len(one.card.classes)} | {len(one.runs)} | "
            f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}) |"
        )
    print("\n| second against first | common classes | images | second − first, points (95 %) | verdict |")
    print("|---|---|---|---|---|")
    for first, second in PAIRS:
        ground = common_ground([series[first].card.taxonomy, series[second].card.taxonomy])
        sides = [judged(series[name], ground) for name in (second, first)]
        kept = np.array([image_id in measured for image_id in sides[0].image_ids])
        for what, both in (("all", sides), ("measured", [side.only(kept) for side in sides])):
            said = verdict(pair(*both), Headline.ACCURACY, Question.TRAINING, margin)
            gap = said.difference
            print(
                f"| {second} against {first} | {len(ground.classes)} | {what}: {said.n_images:,} of "
                f"{said.n_patients} patients | {100 * gap.value:+.1f} ({100 * gap.low:+.2f} to {100 * gap.high:+.2f}) "
                f"| {said.answer} |"
            )


if __name__ == "__main__":
    main()
