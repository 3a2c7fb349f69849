"""Files that rows name: nothing outside their folder is touched, and a bad image never stops the others."""

import os

import pytest
from PIL import Image

from model_zoo.importing.files import find_file, inspect_file
from model_zoo.importing.source import Row, shown
from tests.foreign_images import picture


def row(file):
    return Row("row 1", str(file), str(file), ("cat",))


def test_a_name_without_an_ending_is_that_of_an_image_and_backslashes_are_slashes(tmp_path):
    picture(tmp_path / "cat" / "a.png")
    found, left_out, _ = find_file(
        [row("cat/a.png"), row("cat/a"), row("cat\\a.png"), row(tmp_path / "cat/a.png")], tmp_path
    )
    assert [one.inside for one in found] == ["cat/a.png"] * 4
    assert left_out == []


@pytest.mark.parametrize(
    "written", ["../secret.png", "cat/../../secret.png", "/etc/hostname", "link.png", "linked/secret.png", "~/x.png"]
)
def test_nothing_leads_out_of_the_folder(tmp_path, written):
    picture(tmp_path / "secret.png")
    base = tmp_path / "base"
    picture(base / "cat" / "a.png")
    (base / "link.png").symlink_to(tmp_path / "secret.png")
    (base / "linked").symlink_to(tmp_path)
    found, left_out, _ = find_file([row(written), row("cat/a.png")], base)
    assert [one.inside for one in found] == ["cat/a.png"]
    assert len(left_out) == 1
    assert ("is no file in" if written == "~/x.png" else "leads out of") in left_out[0]


@pytest.mark.parametrize("written", ["{out}/{name}", "../{name}", "cat\\..\\..\\{name}", "link/{name}", "../{stem}"])
def test_what_is_said_of_a_path_outside_does_not_tell_whether_a_file_is_there(tmp_path, written):
    picture(tmp_path / "one_there.png")
    (tmp_path / "base" / "cat").mkdir(parents=True)
    (tmp_path / "base" / "link").symlink_to(tmp_path)

    def told(name):
        said = written.format(out=tmp_path, name=name, stem=name.removesuffix(".png"))
        found, left_out, _ = find_file([row(said)], tmp_path / "base")
        assert found == []
        return left_out[0].replace(name.removesuffix(".png"), "X")

    assert told("one_there.png") == told("not_there.png")
    assert "leads out of" in told("one_there.png")


def test_an_absolute_path_may_name_the_folder_as_the_user_does(tmp_path):
    picture(tmp_path / "real" / "a.png")
    (tmp_path / "named").symlink_to(tmp_path / "real")
    found, left_out, _ = find_file([row(tmp_path / "named" / "a.png")], tmp_path / "named")
    assert ([one.inside for one in found], left_out) == (["a.png"], [])


def test_a_folder_of_the_same_beginning_is_another_folder(tmp_path):
    picture(tmp_path / "base2" / "a.png")
    picture(tmp_path / "base" / "b.png")
    assert find_file([row("../base2/a.png")], tmp_path / "base")[0] == []


def test_links_inside_the_folder_name_the_file_that_they_lead_to(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("a.png")
    assert [one.inside for one in find_file([row("b.png")], tmp_path)[0]] == ["a.png"]


@pytest.mark.parametrize("written", ["a\0b.png", "x" * 300 + ".png", "a/" * 5000, "", ".", "cat"])
def test_what_the_system_refuses_is_no_file(tmp_path, written):
    (tmp_path / "cat").mkdir()
    found, left_out, _ = find_file([row(written)], tmp_path)
    assert (found, len(left_out)) == ([], 1)
    assert "\0" not in left_out[0]
    assert len(left_out[0]) < 300


def test_a_pipe_is_no_file_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert find_file([row("pipe.png")], tmp_path)[0] == []


def test_damaged_files_are_left_out_with_a_sentence_each(tmp_path):
    raw = picture(tmp_path / "good.png", side=64).read_bytes()
    (tmp_path / "cut.png").write_bytes(raw[: len(raw) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "page.png").write_text("<html>404</html>")
    (tmp_path / "drawing.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    Image.new("1", (12_000, 9_000)).save(tmp_path / "bomb.png")  # 108 million pixels in some kilobytes
    names = ["good.png", "cut.png", "empty.png", "page.png", "drawing.png", "bomb.png"]
    found, _, _ = find_file([row(name) for name in names], tmp_path)
    told = []
    readable, left_out = inspect_file(found, tmp_path, told.append)
    assert [one.inside for one in readable] == ["good.png"]
    assert told == [1, 2, 3, 4, 5, 6]
    assert len(left_out) == 5
    assert all(name in sentence for name, sentence in zip(names[1:], left_out, strict=True))


def test_equal_bytes_have_equal_hashes(tmp_path):
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        picture(tmp_path / name, seed)
    first, second, third = inspect_file(
        find_file([row(n) for n in ("a.png", "b.png", "c.png")], tmp_path)[0], tmp_path
    )[0]
    assert first.sha256 == second.sha256 != third.sha256


def test_what_does_not_print_is_shown_as_an_escape():
    assert shown("a\u202eb\x1b[31m\n") == r"'a\u202eb\x1b[31m\n'"
    assert shown("🐟 <script>") == "'🐟 <script>'"
    assert len(shown("x" * 300)) == 62
