"""`taxoscope claim`: numbers by the core, sentences, and refusals; the same from Python."""

import json

import pytest
from typer.testing import CliRunner

import taxoscope as ts
from dashboard.cli.main import commands
from model_zoo.core.comparison.claim import assess, published
from model_zoo.core.errors import TaxoScopeError


def typed(*arguments):
    done = CliRunner().invoke(commands, ["claim", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_it_says_how_probably_a_gain_is_false_and_what_can_be_true():
    said = typed("0.958", "0.953", "--images", "1000")
    found = assess(published(0.958, 1000, 3), published(0.953, 1000, 3))
    assert f"{100 * found.false_mean:.1f} % on average" in said
    assert f"from {100 * found.false_low:.1f} % to {100 * found.false_high:.1f} %" in said
    assert all(str(one) in said for one in found.outcomes)
    assert "+0.5 pp" in said
    assert "arXiv 2505.04720" in said


def test_as_json_it_gives_the_same_numbers():
    values = json.loads(typed("95.8%", "95.3%", "--images", "1000", "--json"))
    found = assess(published(0.958, 1000, 3), published(0.953, 1000, 3))
    assert values["false_mean"] == found.false_mean
    assert values["outcomes"] == [str(one) for one in found.outcomes]


def test_python_says_what_the_command_says():
    found = ts.claim("0.958", "0.953", 1000)
    assert repr(found).split() == typed("0.958", "0.953", "--images", "1000").split()


def test_two_test_sets_have_a_probability_and_no_result():
    said = typed("0.9", "0.8", "--images", "50", "--images-old", "60")
    assert "test sets of 50 and 60 images" in said
    assert "cannot be told" in said


def test_different_classes_need_a_mapping(tmp_path):
    classes = ("--classes", "animal,car", "--classes-old", "cat,dog,car")
    with pytest.raises(TaxoScopeError, match="answer different questions: give a mapping"):
        typed("0.95", "0.75", "--images", "200", *classes)
    with pytest.raises(TaxoScopeError, match="2 and 3 classes are different questions"):
        typed("0.95", "0.75", "--images", "200", "--classes", "2", "--classes-old", "3")
    (path := tmp_path / "mapping.json").write_text(json.dumps({"animal": ["cat", "dog"]}))
    said = typed("0.950", "0.750", "--images", "200", *classes, "--mapping", str(path))
    assert "The old accuracy is of finer classes" in said
    assert "between −5.0 and +20.0 pp" in said
    assert "on average" not in said


@pytest.mark.parametrize("text", ["[]", "{}", '{"a": "b"}', '{"a": []}', '{"a": [1]}', "{", "[" * 100_000])
def test_a_mapping_that_is_none_is_refused(tmp_path, text):
    (path := tmp_path / "mapping.json").write_text(text)
    with pytest.raises(TaxoScopeError, match="mapping"):
        typed("0.95", "0.75", "--images", "200", "--mapping", str(path))
