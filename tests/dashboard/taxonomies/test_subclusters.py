"""What to split, in the demo: a run embedded for real, its candidates with their names and images."""

import os
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from dashboard.runs.embed import embed_run
from dashboard.server_state.open_workspace import Desk
from dashboard.taxonomies.subclusters import find_embedded_run, subclusters_of_run
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import PROJECT, Workspace

MANIFEST = pd.read_csv(PROJECT / "model_zoo" / "sample_images" / "manifest.csv").set_index("image_id")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    demo = Workspace.demo(tmp_path_factory.mktemp("demo"))
    for run_id in ("anatomy-s1", "consolidated-s0"):
        embed_run(demo, run_id, Split.VALIDATION, Console(quiet=True))
    return Desk(demo)


def divided(desk, name):
    return subclusters_of_run(desk, find_embedded_run(desk, desk.workspace.taxonomy(name)))


def test_classes_that_were_merged_across_the_markers_are_two_clusters_named_after_them(desk):
    """The structures alone: with and without markers look different, as the demo's other taxonomies know."""
    found = divided(desk, "anatomy")
    assert found.run.run_id == "anatomy-s1"  # the first that was embedded
    assert found.candidates
    parts = [one.meaning.part for one in found.candidates if one.meaning]
    assert parts == ["markers"] * len(found.candidates)
    for one in found.candidates:
        for second, share in enumerate(one.meaning.shares):
            labels = MANIFEST.label[list(found.images(one, bool(second)))]
            assert len(labels) == one.clusters.n_images[second]
            assert MANIFEST.patient_id[labels.index].nunique() == one.clusters.n_patients[second]
            assert (labels.str.split(".").str[1] == one.meaning.value).mean() == pytest.approx(share)
            assert set(MANIFEST.split[labels.index]) == {"validation"}


def test_the_candidate_is_a_step_of_the_draft(desk):
    found, taxonomy = divided(desk, "anatomy"), desk.workspace.taxonomy("anatomy")
    one = found.candidates[0]
    split = found.step(one, taxonomy).apply(taxonomy, desk.workspace.space)
    name = found.name(one)
    assert split.classes[f"{name} {one.meaning.value}"] == one.meaning.leaves
    assert split.classes[name] == taxonomy.classes[name] - one.meaning.leaves
    assert len(split.classes) == len(taxonomy.classes) + 1
    renamed = replace(taxonomy, classes={f"my {k}": leaves for k, leaves in taxonomy.classes.items()})
    assert found.step(one, renamed).name == f"my {name}"


def test_classes_that_nothing_divides_are_not_advised_to_be_split(desk):
    found = divided(desk, "consolidated")
    assert not found.candidates
    assert len(found.subclusters) == 9


def test_a_run_trained_on_finer_classes_is_not_asked(desk):
    assert find_embedded_run(desk, desk.workspace.taxonomy("fine")).stamp == ""
    merged = replace(desk.workspace.taxonomy("volume"), classes={"all": desk.workspace.space.everything})
    assert find_embedded_run(desk, merged) is None


def test_before_it_is_embedded_the_command_is_said(desk):
    asked = find_embedded_run(desk, desk.workspace.taxonomy("fine"))
    assert asked.command == "uv run taxoscope embed fine-s0"
    assert (
        subclusters_of_run(desk, asked).problem
        == "Run 'fine-s0' has no embeddings; make them with `uv run taxoscope embed fine-s0`."
    )


def test_a_file_that_cannot_be_used_is_one_sentence_and_made_anew(tmp_path):
    (tmp_path / "embeddings" / "volume-s0").mkdir(parents=True)
    (tmp_path / "embeddings" / "volume-s0" / "validation.parquet").write_bytes(b"no table")
    other = Desk(Workspace.demo(tmp_path))
    found = divided(other, "volume")
    assert found.evaluation is None
    assert "cannot be used" in found.problem
    assert "taxoscope embed volume-s0 --split validation" in found.problem
    embed_run(other.workspace, "volume-s0", Split.VALIDATION, Console(quiet=True))
    assert [one.clusters.index for one in divided(other, "volume").subclusters] != []


def test_what_is_read_on_the_page_imports_no_torch(desk):
    script = (
        "import sys\n"
        "from dashboard.settings import Settings\n"
        "from dashboard.server_state.open_workspace import Desk\n"
        "from dashboard.taxonomies.subclusters import find_embedded_run, subclusters_of_run\n"
        "desk = Desk(Settings().open_workspace())\n"
        "found = subclusters_of_run(desk, find_embedded_run(desk, desk.workspace.taxonomy('anatomy')))\n"
        "assert found.candidates, found.problem\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = {**os.environ, "TAXOSCOPE_DEMO_FOLDER": str(desk.workspace.writable)}
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
