"""A workspace: a folder, or a stack of folders of which the top one is writable."""

import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from model_zoo.core.comparison.comparison import Rule
from model_zoo.core.errors import ImageError, LabelError, RunError, TaxonomyError, WorkspaceError
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.label_space.labels import Label, LeafSpace, Part
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.review.consensus_rule import Rule as ReviewRule
from model_zoo.images.bit_depth import depth_of
from model_zoo.images.decoding import decode, open_image
from model_zoo.images.formats import suffix_of
from model_zoo.images.grey_scale import COLUMN, GreyScale, scale_of_one
from model_zoo.workspace.label_sets import FOLDER as LABEL_SETS
from model_zoo.workspace.label_sets import LabelSet, read_label_set, write_label_set
from model_zoo.workspace.learning_curve import FOLDER as LEARNING_CURVES
from model_zoo.workspace.made_images import ImageMaker, maker_of
from model_zoo.workspace.manifest import DataSet, ImageRecord, read_manifest, write_manifest, write_whole
from model_zoo.workspace.run import Run, Series, group_into_series, read_run
from model_zoo.workspace.taxonomy_files import Versions, find_version, find_versions, read_toml, save_version, texts

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that holds the packages: a checkout, or where packages are installed."""

SHIPPED = (PROJECT / "model_zoo" / "sample_images", PROJECT / "model_zoo")
"""The demo's read-only folders: images and their manifest; taxonomies and runs."""

_KEEPING = threading.Lock()  # reading kept.csv and writing it with one row more is one step
DECLARATION, MANIFEST, KEPT, RECIPE = "workspace.toml", "manifest.csv", "kept.csv", "recipe.toml"
REGIONS = "regions.jsonl"


class Workspace:
    """Leaf space, manifest, taxonomies, runs and decisions, found in ``folders``.

    Everything is looked up through the folders in order; only the first is ever written to.
    A plain workspace is one folder; the demo lies on top of the files that ship with TaxoScope.
    """

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.folders = folders
        path = self._find(DECLARATION)
        if path is None:
            raise WorkspaceError(
                f"{folders[0]} is no workspace: it has no {DECLARATION} that declares what a label consists of."
            )
        declaration = read_toml(path)
        self.name = str(declaration.get("name", folders[0].name))
        self.description = str(declaration.get("description", ""))
        self.opening = texts(declaration.get("opening", []), f"{path}: opening")
        self._regions_name = str(declaration.get("regions", REGIONS))
        self.space = _leaf_space(declaration, path)
        self.rule = _rule(declaration.get("verdict", {}), declaration.get("planned_seeds"), path)
        self.review_rule = _review_rule(declaration.get("review", {}), path)

    @classmethod
    def open(cls, folder: Path) -> "Workspace":
        """The workspace in one folder; `WorkspaceError` says what it lacks."""
        if not folder.is_dir():
            raise WorkspaceError(f"There is no folder {folder}; give the folder of a workspace.")
        return cls((folder.resolve(),))

    @classmethod
    def demo(cls, writable: Path) -> "Workspace":
        """The demo: shipped files read-only, below ``writable``, which is made if need be."""
        try:
            writable.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(
                f"The demo's folder {writable} cannot be made ({error.strerror}); set TAXOSCOPE_DEMO_FOLDER to another."
            ) from error
        return cls((writable.resolve(), *SHIPPED))

    @property
    def writable(self) -> Path:
        """Where decisions, kept uploads, new runs and generated images go."""
        return self.folders[0]

    @property
    def decisions_path(self) -> Path:
        """The database of decisions."""
        return self.writable / "decisions.sqlite"

    def dataset(self) -> DataSet:
        """All images of all manifests, kept uploads last."""
        paths = [path for name in (MANIFEST, KEPT) for path in self._find_all(name)]
        if not any(path.name == MANIFEST for path in paths):
            raise WorkspaceError(f"{self.writable} has no {MANIFEST}; list its images there.")
        return DataSet(self.space, tuple(image for path in paths for image in read_manifest(path, self.space)))

    def taxonomies(self) -> Mapping[str, Taxonomy]:
        """Taxonomy name -> its newest version, from the finest to the coarsest; validated against the leaf space."""
        return {name: versions[-1] for name, versions in self.versions().items()}

    def versions(self) -> Versions:
        """Taxonomy name -> all its versions, the newest last."""
        return find_versions(self._taxonomy_folders, self.space)

    def taxonomies_stamp(self) -> tuple[tuple[str, int], ...]:
        """Path and time of change in ns of every taxonomy file: changes whenever `versions` could."""
        files = (path for folder in self._taxonomy_folders for path in sorted(folder.glob("*.toml")))
        return tuple((str(path), path.stat().st_mtime_ns) for path in files)

    def taxonomy(self, reference: str) -> Taxonomy:
        """``fine``: the newest of that name; ``fine.v1``: that version; `WorkspaceError` lists what there is."""
        return find_version(self.versions(), reference)

    def save_taxonomy(self, taxonomy: Taxonomy) -> Taxonomy:
        """Write ``taxonomy`` as the next version of its name into the writable folder; old versions stay."""
        return save_version(taxonomy, self._taxonomy_folders, self.space)

    def runs(self) -> tuple[Run, ...]:
        """All runs whose card can be read and fits the leaf space, by name."""
        return tuple(run for run in self._each_run() if isinstance(run, Run))

    def learning_curves(self) -> tuple[Series, ...]:
        """The runs that were trained on fewer images of one class, grouped by class and number."""
        return group_into_series(run for run in self._each_run(LEARNING_CURVES) if isinstance(run, Run))

    def unreadable_runs(self) -> tuple[str, ...]:
        """One sentence for each run folder that cannot be used."""
        return tuple(problem for problem in self._each_run() if isinstance(problem, str))

    def series(self) -> tuple[Series, ...]:
        """The runs grouped into series, those of the finest taxonomy first."""
        return tuple(sorted(group_into_series(self.runs()), key=lambda one: -len(one.card.classes)))

    def label_set_paths(self) -> Mapping[str, Path]:
        """Label set name -> its file, by name; the writable folder alone keeps them."""
        return {path.stem: path for path in sorted((self.writable / LABEL_SETS).glob("*.json")) if path.is_file()}

    def label_set(self, name: str) -> LabelSet:
        """The set of that name; `WorkspaceError` lists those there are, or says why it cannot be used."""
        paths = self.label_set_paths()
        if name not in paths:
            raise WorkspaceError(f"There is no label set {name[:100]!r} here; it has {', '.join(paths) or 'none yet'}.")
        return read_label_set(paths[name], self.space)

    def save_label_set(self, label_set: LabelSet) -> Path:
        """Write a new set into the writable folder; none is ever written over."""
        label_set.parsed(self.space)
        return write_label_set(self.writable / LABEL_SETS, label_set)

    def regions_paths(self) -> list[Path]:
        """The files that say where in an image what lies: `REGIONS`, and the one that the declaration names."""
        return [path for name in dict.fromkeys((REGIONS, self._regions_name)) for path in self._find_all(name)]

    def regions(self) -> Mapping[str, object]:
        """Image id -> its regions as written (see `read_regions`); the first file that knows an image counts."""
        known: dict[str, object] = {}
        for path in self.regions_paths():
            known = _read_regions_file(path) | known
        return known

    def recipe_path(self) -> Path | None:
        """The recipe of data and training, where there is one."""
        return self._find(RECIPE)

    def image_path(self, image: ImageRecord) -> Path:
        """The file of an image, generated first where the recipe knows how; else `ImageError`."""
        if not image.has_image:
            raise ImageError(f"{image.image_id!r} is one count of a confusion table: no image of it was ever given.")
        if file := self.image_file(image):
            return file
        if self._maker and self.can_generate(image):
            path = self.writable / image.path
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, self._maker.file_of(image.image_id))
            return path
        raise ImageError(f"Image {image.image_id!r} is no file at {self.writable / image.path}; put the file back.")

    def decoded(self, image: ImageRecord) -> Image.Image:
        """The image as every model and every page gets it, in mode L or RGB; `ImageError` where it cannot be read."""
        return decode(self.image_path(image), grey=image.grey)

    def grey_for(self, raw: bytes, name: str) -> GreyScale | None:
        """The scale by which an upload of more than 8 bits is read: what it declares, else as most images here."""
        return scale_of_one(depth_of(open_image(raw, name)), self.usual_grey())

    def usual_grey(self) -> GreyScale | None:
        """The scale by which most images of more than 8 bits are read here; None where the manifest keeps none."""
        known = Counter(image.grey for image in self.dataset().images if image.grey)
        return known.most_common(1)[0][0] if known else None

    def image_file(self, image: ImageRecord) -> Path | None:
        """The file of an image where it is there already."""
        for folder in self.folders:
            if os.path.isfile(folder / image.path):  # False also for a path that the system refuses
                return folder / image.path
        return None

    def can_generate(self, image: ImageRecord) -> bool:
        """Whether the recipe knows how to make the image's file."""
        return self._maker is not None and image.image_id in self._maker.image_ids()

    def keep(self, raw: bytes, name: str, label: Label) -> ImageRecord:
        """Copy an uploaded image into the workspace under its content hash, in no split."""
        grey = self.grey_for(raw, name)
        self.space.check(label)
        digest = hashlib.sha256(raw).hexdigest()
        image_id = f"kept-{digest[:16]}"
        path = self.writable / "kept" / f"{digest[:16]}{suffix_of(raw)}"
        told = {"file": Path(name).name[:200]} | ({COLUMN: grey.text} if grey else {})
        record = ImageRecord(image_id, f"kept/{path.name}", Split.NONE, "", label, told)
        manifest = self.writable / KEPT
        path.parent.mkdir(exist_ok=True)
        with _KEEPING:
            write_whole(path, raw)
            known = read_manifest(manifest, self.space) if manifest.is_file() else ()
            for image in known:
                if image.image_id == image_id:
                    return image
            write_manifest(manifest, [*known, record], self.space)
        return record

    @cached_property
    def _maker(self) -> ImageMaker | None:
        return maker_of(self.recipe_path())

    def _each_run(self, name: str = "runs") -> Iterator[Run | str]:
        seen: set[str] = set()
        for folder in self._find_all(name):
            for child in sorted(folder.glob("*")):
                if child.name in seen or child.name.startswith(".") or not child.is_dir():
                    continue
                seen.add(child.name)
                try:
                    run = read_run(child)
                    run.card.taxonomy.check(self.space)
                except RunError as error:
                    yield str(error)
                except TaxonomyError as error:
                    yield f"Run {child.name!r} does not belong to this workspace: {error}"
                else:
                    yield run

    @property
    def _taxonomy_folders(self) -> list[Path]:
        return [folder / "taxonomies" for folder in self.folders]

    def _find(self, relative: str) -> Path | None:
        return next(iter(self._find_all(relative)), None)

    def _find_all(self, relative: str) -> list[Path]:
        return [folder / relative for folder in self.folders if (folder / relative).exists()]


def _read_regions_file(path: Path) -> dict[str, object]:
    known: dict[str, object] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"Cannot read the regions {path}: {error}.") from error
    for number, line in enumerate(lines, start=1):
        try:
            written = json.loads(line) if line.strip() else {"image_id": "", "regions": None}
            if written["regions"] is not None:
                known[str(written["image_id"])] = written["regions"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise WorkspaceError(
                f'{path}, line {number} ({error!r}): expected {{"image_id": ..., "regions": {{name: shapes}}}}.'
            ) from error
    return known


def _leaf_space(declaration: Mapping[str, Any], path: Path) -> LeafSpace:
    try:
        table = declaration.get("parts", {})
        parts = tuple(Part(name, texts(values, f"parts.{name}")) for name, values in table.items())
        forbidden = tuple(dict(combination) for combination in declaration.get("forbidden", ()))
        return LeafSpace(parts, texts(declaration.get("lone", []), "lone"), forbidden)
    except (LabelError, TypeError, ValueError, AttributeError, WorkspaceError) as error:
        raise WorkspaceError(f"{path} does not declare a leaf space: {error}") from error


def _rule(written: object, planned: object, path: Path) -> Rule:
    """``planned`` is the number of seeds where it stands above all tables."""
    try:
        if not isinstance(written, dict) or written.keys() - {"figure", "margin", "planned_seeds"}:
            raise TypeError(f"it holds figure, margin and planned_seeds alone; got {written!r}")
        default, planned = Rule(), written.get("planned_seeds", planned)
        if planned is not None and type(planned) is not int:
            raise TypeError(f"planned_seeds must be a whole number from 1 on; got {planned!r}")
        figure, margin = written.get("figure", default.figure), written.get("margin", default.margin)
        return Rule(Headline(figure), float(margin), planned)
    except (TypeError, ValueError) as error:
        figures = ", ".join(Headline)
        raise WorkspaceError(f"{path}: [verdict] cannot be read ({error}); figure is one of {figures}.") from error


def _review_rule(written: object, path: Path) -> ReviewRule:
    try:
        if not isinstance(written, dict) or written.keys() - {"rule"}:
            raise TypeError(f"it holds rule alone; got {written!r}")
        return ReviewRule(written.get("rule", ReviewRule.LATEST))
    except (TypeError, ValueError) as error:
        raise WorkspaceError(
            f"{path}: [review] cannot be read ({error}); rule is one of {', '.join(ReviewRule)}."
        ) from error
