"""The open workspace of one server process: data set, runs, decisions and uploads."""

import hashlib
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from threading import Lock

from PIL import Image

from dashboard.address.selection import Labels
from dashboard.decisions.consensus import standing_labels
from dashboard.decisions.lease_store import Leases
from dashboard.decisions.store import DecisionStore
from dashboard.server_state.comparison_log import FILE as COMPARISONS
from dashboard.server_state.comparison_log import ComparisonLog
from dashboard.server_state.similar_images import alike_images, checked_stamp
from dashboard.settings import Settings
from model_zoo.core.errors import ImageError, LabelError, LinkError, WorkspaceError
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.explanation.regions import Region, read_regions
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.review.consensus_rule import Rule
from model_zoo.images.decoding import decode
from model_zoo.images.grey_scale import GreyScale
from model_zoo.inference.embedding_files import Embeddings, embeddings_path, joined, read_embeddings
from model_zoo.inference.out_of_fold import FOLDER as OUT_OF_FOLD
from model_zoo.inference.out_of_fold import out_of_fold_path, read_out_of_fold
from model_zoo.workspace.label_sets import LabelSet
from model_zoo.workspace.learning_curve import FOLDER as LEARNING_CURVES
from model_zoo.workspace.manifest import DataSet, ImageRecord
from model_zoo.workspace.run import Run, Series
from model_zoo.workspace.workspace import DECLARATION, KEPT, MANIFEST, Workspace

MAX_UPLOADS_BYTES = 256 * 2**20
MAX_PREDICTIONS = 64
MAX_EMBEDDINGS = 4


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded image that is in the server's memory alone."""

    upload_id: str
    name: str
    raw: bytes
    grey: GreyScale | None = None


@dataclass(frozen=True, slots=True)
class LabelSets:
    """The label sets of a workspace by name, oldest first, and one sentence for each that cannot be used."""

    usable: Mapping[str, LabelSet]
    damaged: tuple[str, ...] = ()


def kept_id(upload_id: str) -> str:
    """The id that an upload gets when it is kept."""
    return upload_id.replace("upload-", "kept-", 1)


def declared(workspace: Workspace) -> tuple[int, ...]:
    """Changes whenever what the workspace declares does."""
    paths = [folder / DECLARATION for folder in workspace.folders]
    return tuple(path.stat().st_mtime_ns for path in paths if path.is_file())


class Desk:
    """One per process, shared by all sessions and routes; every method may be called from any thread."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._opened = uuid.uuid4().hex[:8]
        self.declared = declared(workspace)
        self.store = DecisionStore(workspace.decisions_path)
        self.comparison_log = ComparisonLog(workspace.writable / COMPARISONS)
        self._lock = Lock()
        self.leases = Leases()  # of images that wait for an answer
        self.adjudication_leases = Leases()  # apart: who labelled an image does not keep it from its adjudicator
        self._n_read = 0
        self._run_folders = [
            folder / name for folder in workspace.folders for name in ("runs", OUT_OF_FOLD, LEARNING_CURVES)
        ]
        self._dataset: tuple[tuple[float, ...], DataSet] | None = None
        self._alike: tuple[tuple[int, ...], Mapping[str, int]] | None = None
        self._runs: tuple[float, tuple[Series, ...], tuple[str, ...]] | None = None
        self._predictions: OrderedDict[tuple[str, str, Split], Predictions] = OrderedDict()
        self._embeddings: OrderedDict[str, tuple[str, Embeddings]] = OrderedDict()
        self._uploads: OrderedDict[str, Upload] = OrderedDict()
        self._stands: tuple[str, Mapping[str, Label], tuple[str, ...]] | None = None
        self._regions: tuple[tuple[float, ...], Mapping[str, object]] | None = None
        self._label_sets: dict[tuple[str, int, int], LabelSet | str] = {}

    def dataset(self) -> DataSet:
        """The data set, read again when a manifest has changed."""
        paths = [folder / name for folder in self.workspace.folders for name in (MANIFEST, KEPT)]
        stamp = tuple(path.stat().st_mtime if path.is_file() else 0.0 for path in paths)
        with self._lock:
            if self._dataset is None or self._dataset[0] != stamp:
                self._dataset = stamp, self.workspace.dataset()
                self._n_read += 1
            return self._dataset[1]

    def alike(self) -> Mapping[str, int]:
        """Image id -> its group, for images that look alike as far as files were checked."""
        dataset, stamp = self.dataset(), (self._n_read, *checked_stamp(self.workspace, time.time()))
        with self._lock:
            if self._alike is None or self._alike[0] != stamp:
                self._alike = stamp, alike_images(self.workspace, dataset)
            return self._alike[1]

    def series(self) -> tuple[Series, ...]:
        """All series, read again when a run was added or removed."""
        return self._read_runs()[0]

    def unreadable_runs(self) -> tuple[str, ...]:
        """One sentence for each run folder that cannot be used."""
        return self._read_runs()[1]

    def runs(self) -> Mapping[str, Run]:
        """Run id -> run."""
        return {run.run_id: run for series in self.series() for run in series.runs}

    def image(self, image_id: str) -> ImageRecord:
        """One image; `LinkError` if there is none of that id."""
        image = self.dataset().by_id.get(image_id)
        if image is None:
            raise LinkError(f"There is no image {image_id[:100]!r} in this workspace; open it from Images.")
        return image

    def image_bytes(self, image_id: str) -> bytes:
        """The file of an image or of an upload not yet kept."""
        if upload := self._uploads.get(image_id):
            return upload.raw
        path = self.workspace.image_path(self.image(image_id))
        try:
            return path.read_bytes()
        except OSError as error:
            raise ImageError(f"Image file {path} cannot be read ({error.strerror}); put it back.") from error

    def grey(self, image_id: str) -> GreyScale | None:
        """The scale by which an image, or an upload not yet kept, of more than 8 bits is read; None for 8."""
        if upload := self._uploads.get(image_id):
            return upload.grey
        return self.image(image_id).grey

    def decoded(self, image_id: str) -> Image.Image:
        """An image, or an upload not yet kept, as models get it, in mode L or RGB."""
        return decode(self.image_bytes(image_id), image_id, self.grey(image_id))

    def labels(self, which: Labels) -> Mapping[str, Label]:
        """Image id -> label: original, or with the standing decisions applied."""
        dataset = self.dataset()
        if which is Labels.ORIGINAL:
            return dataset.labels
        return {**dataset.labels, **self._standing()[0]}

    def label_sets(self) -> LabelSets:
        """All label sets; a file is read once, for it never changes."""
        found: dict[tuple[str, int, int], LabelSet | str] = {}
        for name, path in self.workspace.label_set_paths().items():
            try:
                stamp = (name, path.stat().st_mtime_ns, path.stat().st_size)
                found[stamp] = self._label_sets.get(stamp) or self.workspace.label_set(name)
            except (OSError, WorkspaceError) as error:
                found[name, 0, 0] = str(error)
        self._label_sets = found
        sets = sorted((one for one in found.values() if isinstance(one, LabelSet)), key=lambda one: one.made)
        return LabelSets({one.name: one for one in sets}, tuple(one for one in found.values() if isinstance(one, str)))

    def label_set(self, name: str) -> Mapping[str, Label]:
        """Image id -> label of one label set, without images listed since it was made; `LinkError` lists the sets."""
        usable = self.label_sets().usable
        if name not in usable:
            raise LinkError(f"There is no label set {name[:100]!r} here; it has {', '.join(usable) or 'none yet'}.")
        return usable[name].parsed(self.workspace.space)

    def predictions(self, run_id: str, split: Split) -> Predictions:
        """A run's stored predictions, kept in memory for the runs asked last."""
        return self.predictions_of_run(self._run(run_id), split)

    def predictions_of_run(self, run: Run, split: Split) -> Predictions:
        """The same of a run that is at hand."""
        stamp = f"{run.card.weights_sha256} {run.predicted_at(split)}"
        return self._remembered((run.run_id, stamp, split), lambda: run.predictions(split))

    def out_of_fold(self, run_id: str) -> Predictions | None:
        """Out-of-fold predictions, or None.

        `RunError` where they are of other images, labels or patients than today's.
        """
        run, dataset = self._run(run_id), self.dataset()
        path = out_of_fold_path(self.workspace.folders, run)
        if path is None:
            return None
        stamp = f"{path} {path.stat().st_mtime_ns} {self._n_read}"
        return self._remembered((run_id, stamp, Split.TRAIN), lambda: read_out_of_fold(path, run, dataset).predictions)

    def embeddings(self, run_id: str) -> Embeddings | None:
        """A run's embeddings of all splits that were embedded, kept in memory for the runs asked last; None without.

        `RunError` where they were made for other weights or images than today's.
        """
        run, dataset = self._run(run_id), self.dataset()
        paths = {split: path for split in Split if (path := embeddings_path(self.workspace.folders, run, split))}
        stamp = f"{[(str(path), path.stat().st_mtime_ns) for path in paths.values()]} {self._n_read}"
        with self._lock:
            if (kept := self._embeddings.get(run_id)) and kept[0] == stamp:
                return kept[1]
        if not paths:
            return None
        made = joined([read_embeddings(path, run, dataset, split) for split, path in paths.items()])
        with self._lock:
            self._embeddings[run_id] = stamp, made
            while len(self._embeddings) > MAX_EMBEDDINGS:
                self._embeddings.popitem(last=False)
        return made

    def regions(self, image_id: str) -> tuple[Region, ...]:
        """What is known to lie where in an image, read again when the file has changed; empty if nothing is known."""
        stamp = tuple(path.stat().st_mtime for path in self.workspace.regions_paths())
        with self._lock:
            if self._regions is None or self._regions[0] != stamp:
                self._regions = stamp, self.workspace.regions()
            written = self._regions[1].get(image_id)
        return () if written is None else read_regions(written)

    @property
    def review_rule(self) -> Rule:
        """How several decisions about one image become its standing label here."""
        return self.workspace.review_rule

    def standing(self) -> Mapping[str, Label]:
        """Image id -> standing label, for the images whose label somebody confirmed or corrected."""
        return self._standing()[0]

    def obsolete(self) -> tuple[str, ...]:
        """One sentence for each standing label that no longer fits the workspace and is not applied."""
        return self._standing()[1]

    def revision(self) -> str:
        """Changes whenever a metric could: with each decision, manifest, run and taxonomy."""
        return f"{self.store.revision()}-{self.files_revision()}"

    def files_revision(self) -> str:
        """Changes with each manifest, run and taxonomy, and with no decision."""
        self.dataset()
        self.series()
        taxonomies = hashlib.sha256(repr(self.workspace.taxonomies_stamp()).encode()).hexdigest()[:16]
        checked = ".".join(map(str, checked_stamp(self.workspace, time.time())))
        return f"{self._opened}.{self._n_read}.{taxonomies}.{checked}"

    def add_upload(self, raw: bytes, name: str) -> Upload:
        """Keep an upload in memory under its content's hash; `ImageError` if it is no image."""
        upload_id = "upload-" + hashlib.sha256(raw).hexdigest()[:16]
        upload = self.upload(upload_id) or Upload(upload_id, name, raw, self.workspace.grey_for(raw, name))
        with self._lock:
            self._uploads[upload.upload_id] = upload
            self._uploads.move_to_end(upload.upload_id)
            while sum(len(one.raw) for one in self._uploads.values()) > MAX_UPLOADS_BYTES:
                self._uploads.popitem(last=False)
        if upload.upload_id not in self._uploads:
            raise ImageError(f"{name} is too large to be held in memory; make it smaller first.")
        return upload

    def upload(self, upload_id: str) -> Upload | None:
        """An upload still in memory."""
        return self._uploads.get(upload_id)

    def _run(self, run_id: str) -> Run:
        run = self.runs().get(run_id)
        if run is None:
            raise LinkError(f"There is no run {run_id[:100]!r} in this workspace; choose another.")
        return run

    def _remembered(self, key: tuple[str, str, Split], read: Callable[[], Predictions]) -> Predictions:
        with self._lock:
            if key in self._predictions:
                self._predictions.move_to_end(key)
                return self._predictions[key]
        found = read()
        with self._lock:
            self._predictions[key] = found
            while len(self._predictions) > MAX_PREDICTIONS:
                self._predictions.popitem(last=False)
        return found

    def _standing(self) -> tuple[Mapping[str, Label], tuple[str, ...]]:
        revision, stands = self.revision(), self._stands
        if stands is None or stands[0] != revision:
            self._stands = stands = revision, *self._standing_now()
        return stands[1:]

    def _standing_now(self) -> tuple[Mapping[str, Label], tuple[str, ...]]:
        dataset, labels, sentences = self.dataset(), {}, []
        for image_id, text in standing_labels(self.store.all(), self.review_rule).items():
            try:
                if image_id in dataset.by_id:
                    labels[image_id] = dataset.space.parse(text)
                else:
                    sentences.append(f"Image {image_id!r} was decided about, but is no longer in the manifest.")
            except LabelError as error:
                sentences.append(f"The decision about image {image_id!r} is not applied: {error}")
        return labels, tuple(sentences)

    def _read_runs(self) -> tuple[tuple[Series, ...], tuple[str, ...]]:
        stamp = sum(folder.stat().st_mtime for folder in self._run_folders if folder.is_dir())
        with self._lock:
            if self._runs is None or self._runs[0] != stamp:
                self._runs = stamp, self.workspace.series(), self.workspace.unreadable_runs()
                self._n_read += 1
            return self._runs[1], self._runs[2]


@cache
def desk() -> Desk:
    """The desk of this process, opened from the settings on first use."""
    return Desk(Settings().open_workspace())


def reopened() -> Desk:
    """The desk; opened anew where the workspace has been declared anew since, by an import for one."""
    if outdated():
        desk.cache_clear()
    return desk()


def outdated() -> bool:
    """Whether workspace.toml has changed since the desk was opened."""
    now = desk()
    return declared(now.workspace) != now.declared
