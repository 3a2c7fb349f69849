"""What the README says of the demo is what the benchmarks compute today."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORDS = " ".join(README.split())


@pytest.fixture(scope="module")
def benchmarks():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield __import__("story"), __import__("turning")
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def told(benchmarks):
    return benchmarks[0].story()


def test_the_table_of_results_is_the_computed_one(benchmarks, told):
    table = [line for line in benchmarks[0].result_lines(told) if line.startswith("|")]
    assert "\n".join(table) in README
    for line in (benchmarks[0].missed_line(told), benchmarks[0].why_line(told), benchmarks[0].native_line(told)):
        assert " ".join(line.split()) in WORDS


def test_equivalent_is_claimed_of_the_demo_only_where_it_is_computed(benchmarks, told):
    outcomes = {said.outcome for results in told.results.values() for said in results}
    if not {"equivalent", "a difference exists, within the margin"} & outcomes:
        assert "*equivalent* cannot be stated of the demo" in WORDS
        assert "**equivalent" not in README


def test_the_turning_table_follows_the_present_rule(benchmarks, tmp_path):
    _, turning = benchmarks
    table = turning.read_table(turning.TABLE)
    assert turning.restated(table, tmp_path) == table
    assert "\n".join(turning.readme_lines(table)) in README
