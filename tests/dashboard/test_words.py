"""Texts that a page writes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dashboard.words import (
    counted,
    interval_text,
    no_interval,
    number_text,
    one_of,
    plain,
    points_interval,
    points_text,
    rare_classes,
    rounding,
    share_text,
    signed,
)
from model_zoo.workspace.workspace import PROJECT


@given(st.text(alphabet="ab *_`[](){}<>#+-!|~$:\\&.1\n", max_size=40))
def test_markdown_shows_a_name_as_it_is(text):
    tokens = MarkdownIt("commonmark").parseInline(plain(text))
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds <= {"text", "text_special"}
    shown = "".join(child.content for token in tokens for child in token.children or [])
    assert shown.split() == text.replace("\n", " ").split()


def test_links_and_pictures_stay_text():
    assert plain("[a](http://b)") == "\\[a\\]\\(http\\://b\\)"


@pytest.mark.parametrize(("count", "text"), [(0, "0 images"), (1, "1 image"), (1447, "1,447 images")])
def test_counts(count, text):
    assert counted(count, "image") == text


def test_a_mean_is_singular_only_where_it_is_written_as_one():
    assert [counted(mean, "image", digits=1) for mean in (1.0, 0.5)] == ["1.0 images", "0.5 images"]
    assert counted(0.9, "class", "classes") == "1 class"


def test_undefined_is_a_dash():
    assert share_text(float("nan")) == interval_text(float("nan"), float("nan")) == "–"
    assert share_text(0.1234) == "12.3 %"
    assert interval_text(0.1, 0.25) == "10.0–25.0 %"


def test_differences_are_signed_points_and_no_end_reads_as_0_that_is_not():
    assert points_text(0.0056) == "+0.6"
    assert points_text(-0.0301) == "−3.0"
    assert points_text(-0.0001) == "0"
    assert points_text(float("nan")) == "–"
    assert points_interval(0.0002, 0.011) == "+0.02 to +1.10"
    assert points_interval(-0.01, 0.02) == "−1.0 to +2.0"
    assert points_interval(0.000042, 0.0111) == "+0.004 to +1.110"  # above 0, and must not read as 0
    assert points_interval(-1e-9, 0.01) == "0 to +1.0000"
    assert points_interval(0.0, 0.01) == "0 to +1.0"


def test_a_difference_that_the_printed_shares_do_not_give_says_why():
    assert rounding(0.9584, 0.9526, 0.0058) == " before rounding"  # 95.8 - 95.3 = 0.5, printed +0.6
    assert rounding(0.958, 0.952, 0.006) == ""
    assert rounding(0.8816, 0.9154, -0.0338) == " before rounding"  # 88.2 - 91.5 = -3.3, printed -3.4
    assert rounding(float("nan"), 0.5, float("nan")) == ""


def test_a_difference_has_a_sign_unless_there_is_none():
    assert [signed(value) for value in (12.34, -0.36, 0.0, float("nan"))] == ["+12.3", "−0.4", "0", "–"]
    assert signed(-0.2, 0) == "−0"  # less, though it rounds to nothing


def test_a_long_list_of_names_is_cut():
    assert [one_of("abcdef"[:n]) for n in (1, 2, 4, 6)] == ["a", "a or b", "a, b, c or d", "a, b, c and 3 more"]
    assert one_of("ab", "and") == "a and b"


def test_a_sign_is_written_by_these_words_alone():
    dashboard = PROJECT / "dashboard"
    signed_elsewhere = [
        f"{path.name}: {line.strip()}"
        for path in dashboard.rglob("*.py")
        if path.name != "words.py"
        for line in path.read_text().splitlines()
        if re.search(r":\+[,.\d]*[dfg]\b", line)
    ]
    assert signed_elsewhere == []
    assert [number_text(one) for one in (-0.056, 0.5, float("nan"))] == ["−0.06", "0.50", "–"]


def test_why_there_is_no_interval_and_what_is_unknown_is_said():
    assert (no_interval(7), no_interval(8)) == (" Fewer than 8 patients: no interval.", "")
    assert rare_classes(()) == ""
    assert rare_classes(("dog", "cat")) == (
        " Fewer than 10 patients, so that in this interval the figure of dog and cat may be anything from 0 to 1."
    )
