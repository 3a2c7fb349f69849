"""What a file is found to be, kept line by line: a damaged line is forgotten, never believed."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from model_zoo.workspace.file_checks import FileFacts, facts_line, facts_of, read_facts, state_of, write_facts


def test_size_grey_range_and_hash_of_a_file(tmp_path):
    pixels = np.full((40, 60), 100, dtype=np.uint8)
    pixels[:20] = 200  # half of the pixels: both values are beyond 1 %
    pixels[0, 0] = 255  # 1 of 2,400 is not
    Image.fromarray(pixels).save(tmp_path / "a.png")
    facts = facts_of(tmp_path / "a.png", "a.png")
    assert (facts.width, facts.height, facts.low, facts.high, facts.problem) == (60, 40, 100, 200, "")
    assert facts.sha256 == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert (facts.n_bytes, facts.mtime_ns) == state_of(tmp_path / "a.png")


def test_what_is_no_image_has_a_problem_and_nothing_else(tmp_path):
    (tmp_path / "a.png").write_text("<html>404</html>")
    facts = facts_of(tmp_path / "a.png", "a.png")
    assert "not an image" in facts.problem
    assert (facts.width, facts.height, facts.sha256) == (0, 0, "")


def test_a_later_line_counts_and_a_damaged_one_does_not(tmp_path):
    path = tmp_path / "facts.jsonl"
    old, new = FileFacts(1, 2, "a", 3, 4, 5, 6), FileFacts(9, 9, "b", 3, 4, 5, 6, "x")
    write_facts(path, {"é\n/x.png": old, "y.png": old})
    whole = path.read_text()
    path.write_text(whole + facts_line("y.png", new) + '{"path": "z.png", "n_bytes": "many"}\n[1]\n' + whole[:25])
    assert read_facts(path) == {"é\n/x.png": old, "y.png": new}
    assert read_facts(tmp_path / "none") == {}


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_half_a_line_costs_that_line_only(tmp_path, cut):
    facts = FileFacts(1, 2, "a", 3, 4, 5, 6)
    (tmp_path / "f").write_text(facts_line("a", facts) + facts_line("b", facts)[:-cut])
    assert read_facts(tmp_path / "f").keys() == ({"a", "b"} if cut == 1 else {"a"})
