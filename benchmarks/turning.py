"""When the story turns: consolidated against fine, trained anew with one thing changed at a time.

    uv run --no-sync python benchmarks/turning.py FOLDER [--seeds 3] [--only NAME ...] [--table benchmarks/turning.csv]
    uv run --no-sync python benchmarks/turning.py FOLDER --restate

Every condition differs from the demo's recipe in one point: how many training images, how they are spread over the
leaves, how long is trained, or the loss. Validation and test images are the demo's own in all of them, so one question
is asked throughout. Runs are kept in FOLDER; what is there is not trained again, and the table is written for the
conditions whose runs are all there. A condition takes about ten minutes on two cores that do nothing else.

``--restate`` trains nothing: the shipped runs are compared anew, and of every other row the stored interval is read by
the present decision rule. Its ends are as precise as the table has them, and from the time of the training.
"""

import argparse
import csv
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from story import MEASURED, story

from dashboard.words import points_interval
from model_zoo.core.comparison.comparison import Difference, answer, pair, verdict
from model_zoo.core.comparison.outcomes import Question, outcome_of
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy, evaluate
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground
from model_zoo.phantom.generate import Recipe, write_dataset
from model_zoo.training.train import Progress, Training, read_pixels, train
from model_zoo.workspace.run import Run
from model_zoo.workspace.workspace import DECLARATION, MANIFEST, PROJECT, Workspace

DEMO = PROJECT / "model_zoo" / "sample_images"
PLAIN = Training.read(DEMO / "recipe.toml")
TAXONOMIES = ("fine", "consolidated")
TABLE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Condition:
    """One change of the recipe: to the training images (``data`` names their folder), or to the training."""

    name: str
    data: str = "as shipped"
    training: Training = field(default=PLAIN)


CONDITIONS = (
    Condition("as shipped"),
    Condition("class-weighted loss", training=replace(PLAIN, class_weighted=True)),
    Condition("half the epochs", training=replace(PLAIN, epochs=PLAIN.epochs // 2)),
    Condition("twice the epochs", training=replace(PLAIN, epochs=PLAIN.epochs * 2)),
    Condition("half the images", "half"),
    Condition("twice the images", "twice"),
    Condition("negatives even", "negatives even"),
    Condition("all leaves even", "all even"),
)


def spread(images: Mapping[str, int], data: str) -> dict[str, int]:
    """Training images per leaf under a way of spreading them; a total that is kept is kept exactly."""
    if data in ("half", "twice"):
        return {leaf: max(1, n // 2) if data == "half" else 2 * n for leaf, n in images.items()}
    evened = [leaf for leaf in images if data == "all even" or (data == "negatives even" and ".none." in leaf)]
    share, more = divmod(sum(images[leaf] for leaf in evened), max(1, len(evened)))
    return dict(images) | {leaf: share + (k < more) for k, leaf in enumerate(evened)}


def workspace_of(folder: Path, data: str) -> Workspace:
    """The demo with other training images; made where it is not there yet."""
    if data == "as shipped":
        return Workspace.demo(folder / data)
    recipe, place = Recipe.read(DEMO / "recipe.toml"), folder / data
    factor = {"half": 0.5, "twice": 2}.get(data, 1)
    images = {**recipe.images, "train": spread(recipe.images["train"], data)}
    patients = {**recipe.patients, "train": round(recipe.patients["train"] * factor)}
    if not (place / "done").is_file():
        for split in ("validation", "test"):
            shutil.copytree(DEMO / "images" / split, place / "images" / split, dirs_exist_ok=True)
        shutil.copy(DEMO / DECLARATION, place)
        shutil.copytree(PROJECT / "model_zoo" / "taxonomies", place / "taxonomies", dirs_exist_ok=True)
        write_dataset(replace(recipe, images=images, patients=patients), place, ["train"])
        asked = [
            [line for line in (where / MANIFEST).read_text().splitlines() if "images/test/" in line]
            for where in (DEMO, place)
        ]
        assert asked[0] == asked[1], "the test images must be the demo's own"
        (place / "done").touch()
    return Workspace.open(place)


def runs_of(folder: Path, condition: Condition, seeds: int) -> dict[str, list[Run]]:
    """The runs of both taxonomies that are there: the shipped series, or those trained here."""
    workspace = workspace_of(folder, condition.data)
    ids = {f"{name}-{condition.name.replace(' ', '_')}-s{seed}" for name in TAXONOMIES for seed in range(seeds)}
    shipped = PROJECT / "model_zoo" / "runs" if condition == CONDITIONS[0] else None
    found: dict[str, list[Run]] = {name: [] for name in TAXONOMIES}
    for run in workspace.runs():
        if run.card.taxonomy.name in found and (run.run_id in ids or run.folder.parent == shipped):
            found[run.card.taxonomy.name].append(run)
    return found


def train_condition(folder: Path, condition: Condition, seeds: int) -> None:
    """Train what is missing, both taxonomies in turns, so that an interruption leaves as many of each."""
    workspace = workspace_of(folder, condition.data)
    there = {run.run_id for run in workspace.runs()}
    pixels = read_pixels(workspace, condition.training.preprocessing, lambda done, total: None)
    for seed in range(seeds):
        for name in TAXONOMIES:
            run_id = f"{name}-{condition.name.replace(' ', '_')}-s{seed}"
            if run_id not in there:
                run = train(workspace, workspace.taxonomy(name), condition.training, seed, pixels, run_id, _told)
                print(f"\r{run_id}: {run.card.duration_s:.0f} s", flush=True)


def rows_of(folder: Path, condition: Condition, seeds: int) -> list[dict[str, str]]:
    """What the verdict says of a condition, over all images and over those that are measured."""
    workspace, runs = workspace_of(folder, condition.data), runs_of(folder, condition, seeds)
    dataset, margin = workspace.dataset(), workspace.rule.margin

    def judged(name: str, space: Taxonomy) -> Evaluation:
        said = [run.predictions(Split.TEST) for run in runs[name]]
        return evaluate(said, runs[name][0].card.taxonomy, space, dataset.labels, dataset.patients)

    taxonomies = [runs[name][0].card.taxonomy for name in TAXONOMIES]
    native = [accuracy(judged(name, taxonomy)).mean for name, taxonomy in zip(TAXONOMIES, taxonomies, strict=True)]
    fine, coarse = (judged(name, common_ground(taxonomies)) for name in TAXONOMIES)
    positive = workspace.space.parse(MEASURED)
    kept = np.array([dataset.labels[image_id] <= positive for image_id in fine.image_ids])
    rows = []
    for what, sides in (("all", (coarse, fine)), ("measured", (coarse.only(kept), fine.only(kept)))):
        said = verdict(pair(*sides), Headline.ACCURACY, Question.TRAINING, margin)
        gap = said.difference
        rows.append(
            {
                "changed": condition.name,
                "training images": str(runs["fine"][0].card.n_train_images),
                "epochs": str(condition.training.epochs),
                "seeds": str(len(runs["fine"])),
                "native fine": f"{native[0]:.1%}",
                "native consolidated": f"{native[1]:.1%}",
                "images": f"{what}: {said.n_images}",
                "common fine": f"{accuracy(sides[1]).mean:.1%}",
                "common consolidated": f"{accuracy(sides[0]).mean:.1%}",
                "difference": f"{100 * gap.value:+.1f}",
                "95 %": points_interval(gap.low, gap.high, 2).replace("−", "-"),
                "verdict": str(said.outcome),
            }
        )
    return rows


def trained(folder: Path, seeds: int, only: Sequence[str]) -> list[dict[str, str]]:
    """Train what is missing of the conditions ``only``, then the rows of all whose runs are there."""
    for condition in CONDITIONS[1:]:
        if condition.name in only:
            train_condition(folder, condition, seeds)
    rows: list[dict[str, str]] = []
    for condition in CONDITIONS:
        if all(len(runs) >= seeds for runs in runs_of(folder, condition, seeds).values()):
            rows += rows_of(folder, condition, seeds)
    return rows


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows as they are stored."""
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def restated(table: list[dict[str, str]], folder: Path) -> list[dict[str, str]]:
    """The rows of a table by the present rule; those of the shipped runs are computed anew."""
    told, shipped = story(), {row["images"]: row for row in rows_of(folder, CONDITIONS[0], 8)}
    by_images = dict(zip(("all", "measured"), told.results["fine", "consolidated"], strict=True))
    rows = []
    for row in table:
        if row["changed"] == CONDITIONS[0].name:
            rows.append(shipped[row["images"]])
            continue
        low, high = (float(end) / 100 for end in row["95 %"].split(" to "))
        same_images = by_images[row["images"].split(":")[0]]
        said = answer(Difference((low + high) / 2, low, high), same_images.margin, same_images.unseen)
        rows.append({**row, "verdict": str(outcome_of(said, low, high, same_images.margin))})
    return rows


def readme_lines(table: list[dict[str, str]]) -> list[str]:
    """The README's rows: each condition over all images and over the measured ones."""
    lines = []
    for every, measured in zip(table[::2], table[1::2], strict=True):
        results = [
            f"{row['difference']} ({row['95 %']}), {'' if row['verdict'] == 'inconclusive' else '**'}{row['verdict']}"
            f"{'' if row['verdict'] == 'inconclusive' else '**'}"
            for row in (every, measured)
        ]
        natives = f"{every['native fine']}, {every['native consolidated']}".replace("%", " %")
        lines.append(f"| {every['changed']} | {every['seeds']} | {natives} | {' | '.join(results)} |".replace("-", "−"))
    return [line.replace("class−weighted", "class-weighted") for line in lines]


def main() -> None:
    """Train what was asked for, then print and write the table of all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[one.name for one in CONDITIONS])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--restate", action="store_true", help="read the stored intervals by the present rule")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rows = (
        restated(read_table(arguments.table), arguments.folder)
        if arguments.restate
        else trained(arguments.folder, arguments.seeds, arguments.only)
    )
    with arguments.table.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print("\n".join(readme_lines(rows)))


def _told(now: Progress) -> None:
    if now.step == now.steps:
        print(f"\r{now.run_id}: epoch {now.epoch}/{now.epochs}, {now.seconds_left:.0f} s left ", end="", flush=True)


if __name__ == "__main__":
    main()
