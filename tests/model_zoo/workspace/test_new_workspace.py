"""An empty workspace: it opens, it is never laid over anything, and its declaration is known again."""

import tomllib

import pytest

from model_zoo.core.errors import WorkspaceError
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.workspace.new_workspace import CREATED_FILES, EMPTY_MANIFEST, README, declaration, init, is_unchanged
from model_zoo.workspace.workspace import DECLARATION, MANIFEST, Workspace

HOSTILE = [
    "a'b\"c\\d",
    "<script>alert(1)</script>",
    "عربي\u200f",
    "🐟 [x](http://y)",
    "=1+1",
    "x" * 200,
    "[parts]\n#",
    "a\x7f",
]


def test_a_new_workspace_opens_and_holds_nothing(tmp_path):
    workspace = Workspace.open(init(tmp_path / "new" / "deep"))
    assert workspace.name == "deep"
    assert workspace.dataset().images == ()
    assert (workspace.space.leaves, workspace.taxonomies(), workspace.runs()) == ((EMPTY_MANIFEST,), {}, ())
    assert "taxoscope import-data" in (workspace.writable / README).read_text()
    assert is_unchanged(workspace.writable / DECLARATION)


def test_images_that_lie_in_the_folder_stay(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "a.png").write_bytes(b"x")
    init(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([DECLARATION, MANIFEST, README, "cats"])


@pytest.mark.parametrize("ours", CREATED_FILES)
def test_nothing_of_ours_is_written_over(tmp_path, ours):
    (tmp_path / ours).write_text("mine")
    with pytest.raises(WorkspaceError, match="already and nothing is written over"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [ours]
    assert (tmp_path / ours).read_text() == "mine"


def test_a_link_to_nowhere_is_not_written_through(tmp_path):
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / DECLARATION).symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(WorkspaceError, match="already"):
        init(tmp_path / "ws")
    assert not (tmp_path / "elsewhere.toml").exists()


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceError, match="No workspace can be made in"):
        init(tmp_path / "file" / "ws")
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_kept_as_it_is(tmp_path, name):
    assert Workspace.open(init(tmp_path / "ws", name)).name == name
    assert is_unchanged(tmp_path / "ws" / DECLARATION)


def test_any_leaves_can_be_declared_and_then_it_is_no_longer_as_it_came(tmp_path):
    folder = init(tmp_path / "ws")
    space = LeafSpace((Part("a b", tuple(HOSTILE)), Part('"[x]', ("y",))), tuple(HOSTILE))
    text = declaration("ws", "what it is", space, ("fine",))
    assert tomllib.loads(text)["lone"] == HOSTILE
    assert tomllib.loads(text)["opening"] == ["fine"]
    (folder / DECLARATION).write_text(text, encoding="utf-8")
    assert not is_unchanged(folder / DECLARATION)
    assert Workspace.open(folder).space == space


def test_what_the_comments_tell_to_write_can_be_read(tmp_path):
    """The commented example, uncommented as it says, declares parts."""
    folder = init(tmp_path / "ws")
    lines = (folder / DECLARATION).read_text().splitlines()
    told = [
        line.removeprefix("# ") for line in lines if line.startswith(("# forbidden", "# [parts]", "# side", "# view"))
    ]
    (folder / DECLARATION).write_text('name = "x"\n' + "\n".join(told) + "\n")
    assert Workspace.open(folder).space.leaves == ("left.front", "right.front", "right.top")
