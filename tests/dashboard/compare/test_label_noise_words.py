"""What pages and reports say of label errors beside a result: the numbers in the sentences."""

import re
from dataclasses import replace

from dashboard.compare.label_noise_words import sentences
from model_zoo.core.comparison.tipping_point import TippingPoint

FOUND = TippingPoint(worst=12, at_random=55, to_zero=20, n_differ=137, n_images=1447)


def numbers(text):
    return re.findall(r"[\d,.]+\d|\d", text)


def test_each_count_stands_with_its_share_and_what_it_is_a_share_of():
    worst, at_random, unknown = sentences(FOUND, None)
    assert numbers(worst) == ["12", "1,447", "0.8", "20", "1,447", "1.4", "0"]  # the last: a difference of 0
    assert numbers(at_random) == ["55", "1,447", "3.8", "137", "40"]
    assert "unknown" in unknown


def test_what_cannot_turn_is_said():
    worst, at_random, _ = sentences(replace(FOUND, worst=None, at_random=None, to_zero=None), None)
    assert numbers(worst) == []
    assert numbers(at_random) == ["137"]
