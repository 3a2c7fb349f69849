"""A workspace without image files, its classes and labels as a test names them."""

from collections.abc import Sequence
from pathlib import Path

from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.manifest import ImageRecord, write_manifest
from model_zoo.workspace.new_workspace import declaration
from model_zoo.workspace.taxonomy_files import taxonomy_toml
from model_zoo.workspace.workspace import DECLARATION, MANIFEST, Workspace


def named_workspace(folder: Path, classes: Sequence[str], labels: Sequence[str], rule: str = "majority") -> Workspace:
    """Test images ``a0``, ``a1``, ... of one patient each with ``labels``; taxonomy ``classes``, in the given order."""
    space = LeafSpace((), tuple(classes))
    taxonomy = Taxonomy("classes", {name: frozenset({name}) for name in classes})
    images = [
        ImageRecord(f"a{k}", f"images/a{k}.png", Split.TEST, f"p{k}", frozenset({label}))
        for k, label in enumerate(labels)
    ]
    (folder / "taxonomies").mkdir(parents=True)
    text = declaration("Named", "", space, ["classes"])
    (folder / DECLARATION).write_text(f"{text}\n[review]\nrule = {rule!r}\n")
    (folder / "taxonomies" / "classes.toml").write_text(taxonomy_toml(taxonomy, space))
    write_manifest(folder / MANIFEST, images, space)
    return Workspace.open(folder)
