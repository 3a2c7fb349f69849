"""Taxonomy files: what is written is read back, versions stand side by side, nothing is written over."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.errors import TaxonomyError, TaxoScopeError, WorkspaceError
from model_zoo.core.label_space.edits import Merge, Rename
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.taxonomy_files import MAX_FILE_BYTES, parse_taxonomy, read_taxonomy, taxonomy_toml
from model_zoo.workspace.workspace import Workspace

SPACE = LeafSpace((Part("kind", ("cat", "d.o|g", "*")), Part("size", ("small", 'la"rge'))), ("lo\\go", "mark"))
FINE = 'name = "fine"\n[classes]\ncat = "cat.*"\ncar = "car.*"\nlogo = "logo"\n'

NAMES = ["", "'", '"', '"""', "\\", "\n", "\r\n", "\x00", "\x7f", "\u2028", "a = b", "[classes]", "é", "🫀", "\u202e",
         "<script>alert(1)</script>", "x" * 300, "[a](http://b)", "# no comment", "a.b", " "]  # fmt: skip
texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(NAMES)


@st.composite
def taxonomies(draw):
    owner = [draw(st.integers(-1, 3)) for _ in SPACE.leaves]
    owner[0] = 0
    names = draw(st.lists(texts, min_size=4, max_size=4, unique=True))
    groups = {names[k]: frozenset(x for x, o in zip(SPACE.leaves, owner) if o == k) for k in {*owner} - {-1}}
    outside = SPACE.everything - frozenset().union(*groups.values())
    name = draw(st.from_regex(r"[A-Za-z][A-Za-z0-9 _-]{0,20}", fullmatch=True))
    return Taxonomy(name, groups, outside, draw(texts), draw(st.integers(1, 10**9 - 1)))


@given(taxonomies())
def test_what_is_written_is_read_back(one):
    raw = taxonomy_toml(one, SPACE).encode()
    back = parse_taxonomy(raw, "This file", SPACE)
    assert (back, back.description, back.version) == (one, one.description, one.version)
    assert list(back.classes.items()) == list(one.classes.items())
    assert back.outside == one.outside


@given(taxonomies())
def test_through_a_real_file_too(tmp_path_factory, one):
    path = tmp_path_factory.mktemp("files") / "one.toml"
    path.write_bytes(taxonomy_toml(one, SPACE).encode())
    back = read_taxonomy(path, SPACE)
    assert (back, list(back.classes.items()), back.description) == (one, list(one.classes.items()), one.description)


def test_a_file_is_fit_to_be_read_by_people(fresh):
    fresh.save_taxonomy(Merge(("cat", "car"), "not a logo").apply(fresh.taxonomy("fine"), fresh.space))
    assert (fresh.writable / "taxonomies" / "fine.v2.toml").read_text() == (
        'name = "fine"\nversion = 2\ndescription = ""\noutside = []\n\n[classes]\n"not a logo" = "*.*"\nlogo = "logo"\n'
    )


@pytest.fixture
def fresh(tmp_path):
    """A workspace on top of a read-only one that holds the taxonomy ``fine``."""
    shipped, top = tmp_path / "shipped", tmp_path / "top"
    (shipped / "taxonomies").mkdir(parents=True)
    top.mkdir()
    (shipped / "workspace.toml").write_text(
        'lone = ["logo"]\n[parts]\nkind = ["cat", "car"]\nsize = ["small", "large"]\n'
    )
    (shipped / "taxonomies" / "fine.toml").write_text(FINE)
    return Workspace((top, shipped))


def test_a_saved_version_is_the_newest_and_the_old_one_stays(fresh):
    first = fresh.taxonomy("fine")
    merged = Merge(("cat", "car"), "thing").apply(first, fresh.space)
    saved = fresh.save_taxonomy(replace(merged, version=77))
    assert (saved.version, saved.reference) == (2, "fine.v2")
    assert list((fresh.writable / "taxonomies").iterdir()) == [fresh.writable / "taxonomies" / "fine.v2.toml"]
    assert fresh.taxonomy("fine") == fresh.taxonomy("fine.v2") == merged
    assert fresh.taxonomy("fine.v1") == first
    assert [one.version for one in fresh.versions()["fine"]] == [1, 2]
    assert fresh.taxonomies() == {"fine": merged}
    back = fresh.save_taxonomy(first)  # going back is a new version
    assert (back.reference, fresh.taxonomy("fine").hash) == ("fine.v3", first.hash)


def test_another_name_starts_anew(fresh):
    saved = fresh.save_taxonomy(replace(fresh.taxonomy("fine"), name="mine", version=9, description="mine alone"))
    assert saved.reference == "mine"
    assert (fresh.writable / "taxonomies" / "mine.toml").is_file()
    assert fresh.taxonomy("mine.v1").description == "mine alone"


def test_saving_the_same_again_is_refused_but_another_description_is_a_version(fresh):
    one = fresh.taxonomy("fine")
    with pytest.raises(TaxonomyError, match="'fine' says the same already"):
        fresh.save_taxonomy(one)
    assert fresh.save_taxonomy(replace(one, description="said better")).version == 2


def test_many_people_saving_at_once_write_nothing_over(fresh):
    one = fresh.taxonomy("fine")
    edits = [Rename("cat", f"cat {k}").apply(one, fresh.space) for k in range(16)]
    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(fresh.save_taxonomy, edits))
    assert sorted(one.version for one in saved) == list(range(2, 18))
    for edit, one in zip(edits, saved):
        assert fresh.taxonomy(one.reference) == edit
    assert not list((fresh.writable / "taxonomies").glob(".*"))


def test_a_file_that_is_in_the_way_stays_as_it_is(fresh):
    folder = fresh.writable / "taxonomies"
    folder.mkdir()
    (folder / "mine.toml").write_text(FINE.replace("fine", "other"))
    with pytest.raises(WorkspaceError, match="none is ever written over"):
        fresh.save_taxonomy(replace(fresh.taxonomy("fine"), name="mine"))
    assert [path.name for path in folder.iterdir()] == ["mine.toml"]
    assert fresh.taxonomy("other").names == ("cat", "car", "logo")


def test_a_folder_that_cannot_be_made_is_one_sentence(fresh):
    (fresh.writable / "taxonomies").write_text("a file where the folder should be")
    with pytest.raises(TaxoScopeError) as caught:
        fresh.save_taxonomy(Rename("cat", "x").apply(fresh.taxonomy("fine"), fresh.space))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../fine", "a/b", "", ".fine", "fine.v2", "x" * 201, "a\nb"])
def test_a_name_that_is_no_file_name_is_refused(fresh, name):
    with pytest.raises(TaxonomyError, match=r"cannot stand in a path|ends like a version"):
        fresh.save_taxonomy(replace(fresh.taxonomy("fine"), name=name))
    assert not list(fresh.writable.rglob("*.toml"))


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("fine.v3", "Taxonomy 'fine' has no version 3; it has 1"),
        ("fine.v", "No taxonomy 'fine.v'"),
        ("fine.v" + "9" * 5000, "No taxonomy"),
        ("coarse.v1", "No taxonomy 'coarse.v1' in this workspace; it has fine"),
    ],
)
def test_a_version_that_is_not_there(fresh, reference, sentence):
    with pytest.raises(WorkspaceError, match=sentence):
        fresh.taxonomy(reference)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"x" * (MAX_FILE_BYTES + 1), "has 100,001 bytes; a taxonomy file has at most 100,000"),
        (b"\xff\xfe", "is no TOML file in UTF-8"),
        (b"\x89PNG\r\n", "is no TOML file in UTF-8"),
        (b"x = " + b"[" * 50_000, "is no TOML file in UTF-8"),
        (b"version = " + b"9" * 5000, "is no TOML file in UTF-8"),
        (b"", "needs a name and a table"),
        (FINE.replace('"fine"', '"../../etc/passwd"').encode(), "cannot stand in a path"),
        (FINE.replace('"fine"', '"fine.v7"').encode(), "ends like a version; write that as version = 2"),
        (FINE.replace("[classes]", "version = true\n[classes]").encode(), "version 'True' is no whole number"),
        (FINE.replace("[classes]", "version = 0\n[classes]").encode(), "version '0' is no whole number from 1"),
        (FINE.replace("[classes]", "version = 1.5\n[classes]").encode(), "version '1.5' is no whole number"),
        (FINE.replace("car.*", "car.huge").encode(), "No value 'huge'"),
        (FINE.replace("car.*", "*").encode(), "in both 'cat' and 'car'"),
        (FINE.replace('logo = "logo"', "").encode(), "does not say where leaf 'logo' belongs"),
        (FINE.replace('"car.*"', "{ a = 1 }").encode(), "a class must be a list of texts"),
    ],
)
def test_a_file_from_anywhere_is_read_or_refused_in_one_sentence(fresh, raw, sentence):
    with pytest.raises(TaxonomyError, match=sentence) as caught:
        parse_taxonomy(raw, "This file", fresh.space)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("This file")


def test_a_file_saved_on_windows_is_read(fresh):
    raw = b"\xef\xbb\xbf" + FINE.replace("\n", "\r\n").encode()
    assert parse_taxonomy(raw, "This file", fresh.space) == fresh.taxonomy("fine")
