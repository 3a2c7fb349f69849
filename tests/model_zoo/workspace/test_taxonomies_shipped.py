"""The seven taxonomies of the story, read from their files and counted by hand."""

import itertools

import pytest

from model_zoo.core.label_space.taxonomy import OUTSIDE, common_ground, project
from model_zoo.workspace.workspace import PROJECT, Workspace

STRUCTURES = ("ac", "bpd", "cereb", "fl", "crl", "afi")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return Workspace((tmp_path_factory.mktemp("demo"), PROJECT / "model_zoo" / "sample_images", PROJECT / "model_zoo"))


def test_nineteen_leaves(demo):
    assert len(demo.space.leaves) == 6 * 3 + 1  # markers without annotation do not exist
    assert not any(".placed.none" in leaf for leaf in demo.space.leaves)


def test_they_are_listed_from_the_finest_to_the_coarsest_and_nothing_is_outside(demo):
    names = list(demo.taxonomies())
    assert names[0] == "fine"
    assert names[-1] == "volume"
    assert set(demo.opening) <= set(names)
    assert all(not one.outside for one in demo.taxonomies().values())


def test_fine_and_consolidated_meet_on_consolidated_itself(demo):
    fine, consolidated = demo.taxonomy("fine"), demo.taxonomy("consolidated")
    assert common_ground([fine, consolidated]) is consolidated
    merged = project(fine, consolidated).merged()
    assert {name: len(members) for name, members in merged.items()} == {"no_marker": 6, "empty": 6}


def test_anatomy_and_consolidated_keep_volume_or_rest(demo):
    ground = common_ground([demo.taxonomy("anatomy"), demo.taxonomy("consolidated")])
    assert set(ground.classes.values()) == {frozenset({"volume"}), demo.space.everything - {"volume"}}
    assert set(ground.names) == {"volume", "not volume"}


def test_the_two_merges_together_are_consolidated_and_each_alone_is_not(demo):
    both = common_ground([demo.taxonomy("merged_na"), demo.taxonomy("merged_no")])
    assert set(both.classes.values()) == set(demo.taxonomy("consolidated").classes.values())
    assert not demo.taxonomy("merged_na").refines(demo.taxonomy("merged_no"))


def test_who_refines_whom(demo):
    found = {
        (a, b) for a, b in itertools.permutations(demo.taxonomies(), 2) if demo.taxonomy(a).refines(demo.taxonomy(b))
    }
    assert found == {
        *(("fine", other) for other in demo.taxonomies() if other != "fine"),
        *(("merged_na", other) for other in ("consolidated", "one_negative", "volume")),
        *(("merged_no", other) for other in ("consolidated", "one_negative", "volume")),
        ("consolidated", "one_negative"),
        ("consolidated", "volume"),
        ("one_negative", "volume"),
        ("anatomy", "volume"),
    }


@pytest.mark.parametrize("structure", STRUCTURES)
def test_where_one_screen_stands_in_each(demo, structure):
    label = demo.space.parse(f"{structure}.none.present")
    at = {name: one.names[one.place(label)] for name, one in demo.taxonomies().items()}
    assert at == {
        "fine": f"no_{structure}",
        "merged_na": f"no_{structure}",
        "merged_no": "no_marker",
        "consolidated": "no_marker",
        "one_negative": "negative",
        "anatomy": structure,
        "volume": "screen",
    }


def test_a_screen_whose_structure_nobody_could_tell_is_placed_only_where_that_does_not_matter(demo):
    label = demo.space.parse("*.none.none")
    placed = {name for name, one in demo.taxonomies().items() if one.place(label) != OUTSIDE}
    assert placed == {"merged_na", "consolidated", "one_negative", "volume"}
