"""Labels by rules: what is written is what holds, the first rule counts, and nothing is labelled in silence."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_zoo.importing.reading import read_rules, read_source
from model_zoo.importing.rules import All, Is, Not, Rule, Some, apply_rules, parse_rules, rule_holds, rule_text
from model_zoo.importing.source import SourceError
from model_zoo.importing.tables import Columns, Table
from tests.foreign_images import picture

TABLE = Table(
    "Table 't.csv'",
    ("path", "marker", "annotation", "structure", "brain plane"),
    [
        ("1.png", "yes", "yes", "bpd", ""),
        ("2.png", "yes", "no", "bpd", "Trans-thalamic"),
        ("3.png", "no", "no", "bpd", ""),
        ("4.png", "no", "no", "femur", ""),
        ("5.png", "YES", "yes", "ac", ""),
    ],
)


def labels(text):
    return [row[-1] for row in apply_rules(TABLE, parse_rules(text)).table.rows]


def test_the_first_rule_that_holds_gives_the_label():
    first = "marker=yes and annotation=yes and structure=bpd -> bpd\nmarker = yes -> marked # rest\n\n# all else\n"
    assert labels(first + "structure in (bpd, femur) and not marker=yes -> plain") == [
        "bpd",
        "marked",
        "plain",
        "plain",
        "",
    ]  # YES is not yes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("marker != yes -> x", ["", "", "x", "x", "x"]),
        ("not (marker=yes or structure=femur) -> x", ["", "", "x", "", "x"]),
        ("marker=no and structure=femur or annotation=yes -> x", ["x", "", "", "x", "x"]),  # and binds closer
        ("marker=no and (structure=femur or annotation=yes) -> x", ["", "", "", "x", ""]),
        ('"brain plane" = "" -> "no plane"', ["no plane", "", "no plane", "no plane", "no plane"]),
        ("'brain -> x", None),
        ('"Brain Plane"=Trans-thalamic->a.*|b', ["", "a.*|b", "", "", ""]),
        ("NOT NOT marker=yes AND annotation=no -> x", ["", "x", "", "", ""]),
        ('path="2.png"->"say \\"x\\""', ["", 'say "x"', "", "", ""]),
    ],
)
def test_the_grammar(text, expected):
    if expected is None:
        with pytest.raises(SourceError):
            labels(text)
    else:
        assert labels(text) == expected


def test_what_each_rule_did_is_told():
    result = apply_rules(TABLE, parse_rules("structure=bpd -> a\nmarker=yes -> b\nmarker=no -> c"))
    assert (result.n_labelled, result.n_holding, result.unmatched) == ((3, 0, 1), (3, 2, 2), (4,))
    assert result.table.told == (
        "Rule of line 1, 'structure = bpd -> a': 3 rows, such as row 1 ('1.png'), row 2 ('2.png').",
        "Rule of line 2, 'marker = yes -> b': 0 rows; 2 more are labelled by earlier rules.",
        "Rule of line 3, 'marker = no -> c': 1 row, such as row 4 ('4.png'); 1 more are labelled by earlier rules.",
        "1 row without a label, since no rule matches: row 5 ('5.png').",
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no rule"),
        ("# nothing\n\n", "holds no rule"),
        ("marker=yes", "line 1: expected and, or, or -> and a label, got the end"),
        ("marker=yes ->", "expected a label, got the end"),
        ("marker=yes -> two words", "nothing after the label, which stands in quotes if it has spaces, got 'words'"),
        ("\nmarker yes -> x", "line 2: expected =, != or in after 'marker', got 'yes'"),
        ("marker= -> x", "expected a value, got '->'"),
        ("marker in yes -> x", "expected ( after in"),
        ("marker in (yes, -> x", "expected a value"),
        ("(marker=yes -> x", "expected and, or, or )"),
        ("and -> x", "expected a column"),
        ('marker="yes -> x', "expected a value"),
        ("(" * 100 + "a=b" + ")" * 100 + "->x", "more than 40 conditions in each other"),
        ("not " * 100 + "a=b->x", "more than 40 conditions in each other"),
        ("x" * 20_000 + "=1->2", "at most 1,000 rules of 10,000 characters"),
        ("nowhere=1 -> x", "Rule of line 1: Table 't.csv' has no column 'nowhere'; it has 'path', 'marker'"),
    ],
)
def test_what_is_no_rule_is_one_sentence(text, sentence):
    with pytest.raises(SourceError) as refused:
        labels(text)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text())
def test_any_text_is_rules_or_one_sentence(text):
    try:
        rules = parse_rules(text)
    except SourceError as error:
        told = str(error)
    else:
        told = ""
        assert parse_rules("\n".join(map(str, rules)))
    assert "\n" not in told


columns, cells = (
    st.sampled_from(["a", "b b", "not", 'q"', "c\\"]),
    st.sampled_from(["", "yes", "no", "x y", "->", "in", "ä#"]),
)
conditions = st.recursive(
    st.builds(Is, columns, st.lists(cells, min_size=1, max_size=3, unique=True).map(tuple)),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(All, st.lists(inner, min_size=2, max_size=3).map(tuple))
        | st.builds(Some, st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)
rows = st.fixed_dictionaries(dict.fromkeys(("a", "b b", "not", 'q"', "c\\"), cells))


def as_python(condition):
    """The same condition as an expression of Python, to be evaluated by Python itself."""
    match condition:
        case Is(column, values):
            return f"(row[{column!r}] in {values!r})"
        case Not(inner):
            return f"(not {as_python(inner)})"
        case All(parts):
            return f"({' and '.join(map(as_python, parts))})"
        case Some(parts):
            return f"({' or '.join(map(as_python, parts))})"


def as_python_says(condition, row):
    return eval(as_python(condition), {"row": row})


@given(conditions, rows)
@example(Is("not", ("",)), {"a": "", "b b": "", "not": "", 'q"': "", "c\\": ""})
def test_rules_hold_as_python_says(condition, row):
    (read,) = parse_rules(str(Rule(1, condition, "a label")))
    assert read.label == "a label"
    assert rule_holds(condition, row) == rule_holds(read.condition, row) == as_python_says(condition, row)
    assert rule_text(read.condition) == rule_text(condition)


@given(
    st.lists(st.tuples(conditions, st.sampled_from("xyz")), min_size=1, max_size=4),
    st.lists(rows, min_size=1, max_size=6),
)
def test_every_row_is_labelled_once_or_listed(pairs, listed):
    rules = parse_rules("\n".join(str(Rule(1, condition, label)) for condition, label in pairs))
    table = Table("t", tuple(listed[0]), [tuple(map(row.get, listed[0])) for row in listed])
    result = apply_rules(table, rules)
    for k, (row, made) in enumerate(zip(listed, result.table.rows, strict=True)):
        expected = next((label for condition, label in pairs if as_python_says(condition, row)), "")
        assert made[-1] == expected
        assert (k in result.unmatched) == (expected == "")
    assert sum(result.n_labelled) + len(result.unmatched) == len(listed)


def test_rules_make_labels_of_a_source(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("image,label,marker\na.png,old,yes\nb.png,old,no\n")
    (tmp_path / "rules.txt").write_text("marker=yes -> marked\n")
    rules = read_rules(tmp_path / "rules.txt")
    read = read_source(tmp_path / "t.csv", rules=rules)
    assert (read.levels, [row.labels for row in read.rows]) == (("labels",), [("marked",), ("",)])
    assert read.rows[0].columns == {"label_given": "old", "marker": "yes"}
    assert any("1 row without a label, since no rule matches" in sentence for sentence in read.told)
    with pytest.raises(SourceError, match="rules or from columns"):
        read_source(tmp_path / "t.csv", Columns(labels=("label",)), rules=rules)
    with pytest.raises(SourceError, match="is a folder, which has no columns"):
        read_source(tmp_path, rules=rules)
    with pytest.raises(SourceError, match="cannot be read"):
        read_rules(tmp_path / "none.txt")
    with pytest.raises(SourceError, match="it is no file"):
        read_rules(Path(os.devnull))
