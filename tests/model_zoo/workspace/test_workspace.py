"""Workspaces: what a folder lacks, stacks of folders, kept uploads, generated images, another subject."""

import io
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from model_zoo.core.comparison.comparison import Rule
from model_zoo.core.errors import ImageError, LabelError, TaxonomyError, TaxoScopeError, WorkspaceError
from model_zoo.core.evaluation.evaluation import accuracy, class_figures, evaluate
from model_zoo.core.evaluation.metrics import ClassFigure, Headline
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import common_ground
from model_zoo.core.review.consensus_rule import Rule as ReviewRule
from model_zoo.images.decoding import decode
from model_zoo.phantom.generate import Recipe, plan
from model_zoo.workspace.manifest import read_manifest
from model_zoo.workspace.workspace import PROJECT, Workspace
from tests.second_workspace import build

DECLARATION = 'lone = ["logo"]\n[parts]\nkind = ["cat", "car"]\nsize = ["small", "large"]\n'
MANIFEST = "image_id,path,split,patient_id,label\ni,i.png,test,p,cat.small\n"


def folder_with(path, **files):
    path.mkdir(parents=True, exist_ok=True)
    for name, text in ({"workspace.toml": DECLARATION, "manifest.csv": MANIFEST} | files).items():
        if text is not None:
            target = path / name.replace("__", "/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    return path


def picture(seed=0, kind="PNG"):
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 30), dtype=np.uint8)
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    return build(tmp_path_factory.mktemp("animals"))


# -- what a folder lacks ------------------------------------------------------------------------------------------


def look(path):
    """Everything that a page asks of a workspace."""
    workspace = Workspace.open(path)
    workspace.taxonomies()
    return workspace.dataset(), workspace.series(), workspace.unreadable_runs()


def test_a_workspace_needs_no_more_than_a_declaration_and_a_manifest(tmp_path):
    dataset, series, problems = look(folder_with(tmp_path))
    assert (len(dataset.images), series, problems) == (1, (), ())


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"workspace.toml": None}, "is no workspace: it has no workspace.toml"),
        ({"manifest.csv": None}, "has no manifest.csv; list its images there"),
        ({"workspace.toml": "[parts"}, r"workspace\.toml is no TOML file in UTF-8"),
        ({"workspace.toml": ""}, "does not declare a leaf space: The leaf space allows no leaf"),
        ({"workspace.toml": "parts = 3"}, "does not declare a leaf space"),
        ({"workspace.toml": '[parts]\nkind = "cat"'}, "kind must be a list of texts in quotes; got 'cat'"),
        ({"workspace.toml": "[parts]\nkind = [1, 2]"}, "kind must be a list of texts"),
        ({"workspace.toml": 'lone = "logo"'}, "lone must be a list of texts"),
        ({"workspace.toml": 'forbidden = ["cat"]\n' + DECLARATION}, "does not declare a leaf space"),
        ({"workspace.toml": 'opening = "fine"\n' + DECLARATION}, "opening must be a list of texts"),
        ({"manifest.csv": MANIFEST + "j,j.png,test,p,dog.small\n"}, "line 3: No value 'dog' in part 'kind'"),
        ({"manifest.csv": MANIFEST + "i,j.png,test,p,logo\n"}, "names image 'i' twice"),
        ({"taxonomies__a.toml": 'name = "a"\n[classes]\nx = "cat.huge"'}, r"a\.toml: No value 'huge' in part 'size'"),
        (
            {"taxonomies__a.toml": 'name = "a"\n[classes]\nx = "cat.*"'},
            r"where leaf 'car\.small' belongs \(nor 2 more\)",
        ),
        ({"taxonomies__a.toml": 'name = "a"\n[classes]\nx = ["cat.*", "cat.*", "*"]\ny = "logo"'}, "'logo' in both"),
        ({"taxonomies__a.toml": "[classes]\nx = '*'"}, "needs a name and a table"),
        ({"taxonomies__a.toml": 'name = "a"\n[classes]\nx = 3'}, "a class must be a list of texts"),
        ({"taxonomies__a.toml": 'name = "a"\nversion = []\n[classes]\nx = "*"'}, r"Taxonomy file .*a\.toml"),
        ({"taxonomies__a.toml": 'name = "a'}, "is no TOML file in UTF-8"),
        ({"taxonomies__a.toml": 'name = "a"\nversion = inf\n[classes]\nx = "*"'}, r"Taxonomy file .*a\.toml"),
        ({"taxonomies__a.toml": f"version = {'9' * 5000}"}, "is no TOML file in UTF-8"),
        ({"taxonomies__a.toml": "x = " + "[" * 100_000}, "is no TOML file in UTF-8"),
        *(
            (
                {"taxonomies__a.toml": f'name = "{name}"\n[classes]\nx = "*"'},
                "cannot stand in a path, as its runs' must",
            )
            for name in ("team/kinds", "../kinds", ".kinds", "", "a\\u0000", "a\\nb", "x" * 201)
        ),
        ({f"taxonomies__{k}.toml": 'name = "a"\n[classes]\nx = "*"' for k in "pq"}, "'a' is there already"),
    ],
)
def test_what_a_folder_lacks_is_said_in_one_sentence(tmp_path, files, sentence):
    folder_with(tmp_path, **files)
    with pytest.raises((WorkspaceError, TaxonomyError), match=sentence) as caught:
        look(tmp_path)
    assert str(tmp_path) in str(caught.value) or "manifest" in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(WorkspaceError, match="There is no folder"):
        Workspace.open(tmp_path / "nowhere")


def test_leaves_may_be_declared_outside(tmp_path):
    folder_with(
        tmp_path, taxonomies__a="", **{"taxonomies__b.toml": 'name = "b"\noutside = "logo"\n[classes]\nx = "*.*"'}
    )
    assert Workspace.open(tmp_path).taxonomy("b").outside == {"logo"}
    with pytest.raises(WorkspaceError, match="No taxonomy 'a' in this workspace; it has b"):
        Workspace.open(tmp_path).taxonomy("a")


def test_an_image_that_is_listed_but_not_there(tmp_path):
    workspace = Workspace.open(folder_with(tmp_path))
    with pytest.raises(ImageError, match=r"Image 'i' is no file at .*put the file back"):
        workspace.image_path(workspace.dataset().images[0])


@pytest.mark.parametrize("path", [".", "runs", "i.png/", "x" * 300, "workspace.toml/i.png", "loop", "pipe"])
def test_a_path_that_names_no_file_is_one_sentence(tmp_path, path):
    folder_with(tmp_path, **{"manifest.csv": MANIFEST.replace("i.png", path)})
    (tmp_path / "runs").mkdir()
    (tmp_path / "i.png").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    workspace = Workspace.open(tmp_path)
    with pytest.raises(ImageError, match="Image 'i' is no file at"):
        workspace.image_path(workspace.dataset().images[0])


def test_a_folder_on_top_does_not_hide_the_file_below(tmp_path):
    shipped = folder_with(tmp_path / "shipped", **{"i.png": "below"})
    (tmp_path / "top" / "i.png").mkdir(parents=True)
    workspace = Workspace((tmp_path / "top", shipped))
    assert workspace.image_path(workspace.dataset().images[0]) == shipped / "i.png"


def test_runs_that_is_a_file_holds_no_run(tmp_path):
    assert look(folder_with(tmp_path, runs="a file"))[1:] == ((), ())


def test_a_demo_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "demo"):
        with pytest.raises(WorkspaceError, match=r"cannot be made .*; set TAXOSCOPE_DEMO_FOLDER to another"):
            Workspace.demo(folder)


def test_a_broken_run_is_named_and_hides_no_other(tmp_path):
    workspace = build(tmp_path / "animals", n_images=24)
    (workspace.writable / "runs" / "broken").mkdir()
    (workspace.writable / "runs" / ".kinds-s9.partial").mkdir()
    (workspace.writable / "runs" / "notes.txt").write_text("a file, no run")
    (problem,) = workspace.unreadable_runs()
    assert "Cannot read the run card" in problem
    assert len(workspace.runs()) == 6


def test_a_run_of_another_workspace_is_named(tmp_path):
    animals = build(tmp_path / "animals", n_images=24)
    other = folder_with(tmp_path / "other")
    (other / "runs").symlink_to(animals.writable / "runs")
    workspace = Workspace.open(other)
    assert workspace.runs() == ()
    assert len(workspace.unreadable_runs()) == 6
    assert workspace.unreadable_runs()[0] == (
        "Run 'kinds-s0' does not belong to this workspace: "
        "Taxonomy 'kinds' names leaf 'dog.large', which this workspace lacks."
    )


# -- another subject, end to end ----------------------------------------------------------------------------------


def test_animals_and_vehicles_are_compared_like_anything_else(animals):
    assert list(animals.taxonomies()) == ["things", "kinds", "sizes"]
    things, kinds = animals.taxonomy("things"), animals.taxonomy("kinds")
    ground = common_ground([things, kinds])
    assert ground is kinds
    dataset = animals.dataset()
    for series in animals.series():
        if series.card.taxonomy.name == "sizes":
            continue
        said = [run.predictions(Split.TEST) for run in series.runs]
        judged = evaluate(said, series.card.taxonomy, ground, dataset.labels, dataset.patients)
        # counted again, by plain loops
        n_right = 0
        for one in said:
            for image_id, row in zip(one.image_ids, one.probabilities, strict=True):
                leaf = min(series.card.taxonomy.classes[one.classes[int(row.argmax())]])
                (true,) = dataset.labels[image_id]
                kind = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}
                n_right += kind[leaf.split(".")[0]] == kind[true.split(".")[0]]
        assert accuracy(judged).mean == pytest.approx(n_right / len(said) / len(said[0].image_ids))
        assert judged.n_patients == len({dataset.patients[i] for i in said[0].image_ids})
        assert [row.name for row in class_figures(judged, ClassFigure.RECALL)] == ["animal", "vehicle", "logo"]
    sizes = common_ground([kinds, animals.taxonomy("sizes")])
    assert sorted(map(len, sizes.classes.values())) == [1, 7]  # logo | all else


def test_every_image_of_the_second_workspace_opens(animals):
    for image in animals.dataset().images[:20]:
        assert decode(animals.image_path(image)).size == (96, 96)
    assert animals.dataset().column_names == ("camera",)


# -- stacks of folders --------------------------------------------------------------------------------------------


def test_the_top_folder_wins_and_only_it_is_written(tmp_path):
    top, shipped = tmp_path / "top", folder_with(tmp_path / "shipped", **{"i.png": "below", "name": "x"})
    (shipped / "taxonomies").mkdir()
    (shipped / "taxonomies" / "a.toml").write_text('name = "a"\ndescription = "below"\n[classes]\nx = "*"')
    (shipped / "taxonomies" / "b.toml").write_text('name = "b"\n[classes]\nx = "*"')
    (top / "taxonomies").mkdir(parents=True)
    (top / "taxonomies" / "z.toml").write_text('name = "a"\ndescription = "above"\n[classes]\nx = "*"')
    workspace = Workspace((top, shipped))
    assert {name: one.description for name, one in workspace.taxonomies().items()} == {"a": "above", "b": ""}
    (image,) = workspace.dataset().images
    assert workspace.image_path(image) == shipped / "i.png"
    (top / "i.png").write_text("above")
    assert workspace.image_path(image) == top / "i.png"
    before = sorted(shipped.rglob("*"))
    workspace.keep(picture(), "scan.png", workspace.space.everything)
    assert sorted(shipped.rglob("*")) == before
    assert (top / "kept.csv").is_file()
    assert [one.split for one in workspace.dataset().images] == [Split.TEST, Split.NONE]
    assert workspace.decisions_path.parent == top


# -- kept uploads -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_a_kept_upload_is_an_image_like_any_other_in_no_split(tmp_path, kind):
    workspace = Workspace.open(folder_with(tmp_path))
    hashes = [workspace.dataset().hash(split) for split in (Split.TRAIN, Split.TEST)]
    record = workspace.keep(picture(kind=kind), '../../Müller, scan "1".png', workspace.space.parse("cat.*"))
    assert record in workspace.dataset().images
    assert (record.split, record.patient_id, record.columns["file"]) == (Split.NONE, "", 'Müller, scan "1".png')
    path = workspace.image_path(record)
    assert path.read_bytes() == picture(kind=kind)
    with Image.open(path) as image:
        assert Image.registered_extensions()[path.suffix] == image.format == kind
    assert [workspace.dataset().hash(split) for split in (Split.TRAIN, Split.TEST)] == hashes


def test_keeping_twice_gives_one_row_and_the_first_label_stays(tmp_path):
    workspace = Workspace.open(folder_with(tmp_path))
    first = workspace.keep(picture(), "a.png", workspace.space.parse("logo"))
    workspace.image_path(first).unlink()
    second = workspace.keep(picture(), "b.png", workspace.space.everything)
    assert second == first
    assert len(read_manifest(tmp_path / "kept.csv", workspace.space)) == 1
    assert workspace.image_path(first).read_bytes() == picture()  # a lost file is put back


def test_what_is_refused_leaves_nothing(tmp_path):
    workspace = Workspace.open(folder_with(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ImageError):
        workspace.keep(b"no image", "a.png", workspace.space.everything)
    with pytest.raises(LabelError):
        workspace.keep(picture(), "a.png", frozenset({"dog"}))
    with pytest.raises(LabelError):
        workspace.keep(picture(), "a.png", frozenset())
    assert sorted(tmp_path.rglob("*")) == before


def test_many_threads_keep_at_once_and_none_is_lost(tmp_path):
    folder_with(tmp_path)
    raws = [picture(seed) for seed in range(12)] * 3  # each of 12 images three times, in 8 threads

    def keep(raw):
        workspace = Workspace.open(tmp_path)  # as each session has its own
        return workspace.keep(raw, "a.png", workspace.space.everything)

    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(keep, raws))
    workspace = Workspace.open(tmp_path)
    kept = [image for image in workspace.dataset().images if image.split is Split.NONE]
    assert len(kept) == len({image.image_id for image in kept}) == 12
    assert {record.image_id for record in records} == {image.image_id for image in kept}
    assert {workspace.image_path(image).read_bytes() for image in kept} == set(raws)
    assert not [path for path in tmp_path.rglob("*") if "partial" in path.name]


# -- the demo -----------------------------------------------------------------------------------------------------


@pytest.fixture
def demo(tmp_path):
    return Workspace.demo(tmp_path / "new" / "demo")


def test_the_demo_writes_below_its_own_folder_only(demo, tmp_path):
    assert demo.writable == (tmp_path / "new" / "demo").resolve()
    assert demo.folders[1:] == (PROJECT / "model_zoo" / "sample_images", PROJECT / "model_zoo")
    assert demo.series() == () or all(run.folder.is_relative_to(PROJECT) for run in demo.runs())


def test_a_training_image_is_generated_on_first_need_by_several_threads_at_once(demo):
    image = next(one for one in demo.dataset().images if one.split is Split.TRAIN)
    with ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(lambda _: Workspace.demo(demo.writable).image_path(image), range(6)))
    assert set(paths) == {demo.writable / image.path}
    decode(paths[0])
    assert not [path for path in demo.writable.rglob("*") if "partial" in path.name]


def test_the_manifest_of_the_demo_is_what_its_recipe_plans(demo):
    planned = {one.image_id: one for one in plan(Recipe.read(demo.recipe_path()))}
    dataset = demo.dataset()
    assert set(planned) == set(dataset.by_id)
    for image in dataset.images:
        one = planned[image.image_id]
        assert (image.path, str(image.split), image.patient_id) == (one.path, one.split, one.patient_id)
        assert image.label == demo.space.parse(one.label)


def test_a_recipe_that_cannot_be_planned_is_one_sentence(tmp_path):
    workspace = Workspace.open(folder_with(tmp_path, **{"recipe.toml": "version = 1\n[phantom]\nseed = 1\n"}))
    with pytest.raises(TaxoScopeError, match=r"recipe\.toml"):
        workspace.image_path(workspace.dataset().images[0])


def test_the_rule_of_the_verdict_stands_in_the_declaration(tmp_path):
    declaration, manifest = tmp_path / "workspace.toml", tmp_path / "manifest.csv"
    manifest.write_text("image_id,path,split,patient_id,label\n")
    declaration.write_text(DECLARATION)
    assert Workspace.open(tmp_path).rule == Rule(Headline.ACCURACY, 0.01)
    declaration.write_text(DECLARATION + '[verdict]\nfigure = "macro-F1"\nmargin = 0.02\n')
    assert Workspace.open(tmp_path).rule == Rule(Headline.MACRO_F1, 0.02)
    for wrong in ("margin = 2", 'margin = "x"', 'figure = "AUC"', "points = 1"):
        declaration.write_text(DECLARATION + f"[verdict]\n{wrong}\n")
        with pytest.raises(WorkspaceError, match=r"\[verdict\] cannot be read .* figure is one of accuracy"):
            Workspace.open(tmp_path)


def test_the_rule_of_standing_labels_stands_in_the_declaration(tmp_path):
    declaration, manifest = tmp_path / "workspace.toml", tmp_path / "manifest.csv"
    manifest.write_text("image_id,path,split,patient_id,label\n")
    declaration.write_text(DECLARATION)
    assert Workspace.open(tmp_path).review_rule is ReviewRule.LATEST
    declaration.write_text(DECLARATION + '[review]\nrule = "majority"\n')
    assert Workspace.open(tmp_path).review_rule is ReviewRule.MAJORITY
    for wrong in ('rule = "oldest"', "rule = 1", 'quorum = "all"'):
        declaration.write_text(DECLARATION + f"[review]\n{wrong}\n")
        with pytest.raises(WorkspaceError, match=r"\[review\] cannot be read .* rule is one of latest, majority"):
            Workspace.open(tmp_path)
