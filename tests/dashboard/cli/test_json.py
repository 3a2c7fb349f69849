"""Commands that report print JSON alone where that is asked for, with the figures that the files give; completion."""

import json

import pandas as pd
import pytest

from tests.command import run
from tests.second_workspace import TAXONOMIES


def printed(animals, cwd, *arguments):
    done = run(*arguments, "--workspace", str(animals.writable), "--json", cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def accuracy(animals, run_id):
    """Of ``things``, from the files alone: an answer is right if it is the first part of the label."""
    manifest = pd.read_csv(animals.writable / "manifest.csv").set_index("image_id").label
    said = pd.read_parquet(animals.writable / "runs" / run_id / "predictions_test.parquet").set_index("image_id")
    named = said.idxmax(axis=1).str.removeprefix("p:")
    return float((manifest[named.index].str.partition(".")[0] == named).mean()), len(named)


def test_runs(animals, tmp_path):
    rows = {row["run"]: row for row in printed(animals, tmp_path, "runs")["rows"]}
    expected, n_images = accuracy(animals, "things-s0")
    assert rows["things-s0"]["accuracy"] == pytest.approx(expected)
    assert (rows["things-s0"]["images"], rows["things-s0"]["classes"]) == (n_images, len(TAXONOMIES["things"]))


def test_compare(animals, tmp_path):
    told = printed(animals, tmp_path, "compare", "things-s0", "kinds-s0", "--report", "out.html")
    assert told == json.loads((tmp_path / "out.json").read_text())
    assert "things" in json.dumps(told)


def test_label_sets_and_their_changes(fresh_animals, tmp_path):
    done = run("labels", "make", "now", "--workspace", str(fresh_animals.writable), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    n_labels = len(pd.read_csv(fresh_animals.writable / "manifest.csv"))
    (one,) = printed(fresh_animals, tmp_path, "labels", "list")["label_sets"]
    assert (one["name"], one["images"]) == ("now", n_labels)
    changes = printed(fresh_animals, tmp_path, "labels", "compare", "original", "now")
    assert (changes["changed"], len(changes["equal"]), changes["flows"]) == ([], n_labels, [])


def test_images_that_look_alike(fresh_animals, tmp_path):
    told = printed(fresh_animals, tmp_path, "look-alike")
    assert told["images"] > 0
    assert len(told["listed"]) <= told["pairs"]


def test_a_shell_that_asks_gets_completions(tmp_path):
    asked = {"_TAXOSCOPE_COMPLETE": "complete_bash", "COMP_WORDS": "taxoscope ba", "COMP_CWORD": "1"}
    done = run(cwd=tmp_path, **asked)
    assert (done.returncode, done.stdout.split()) == (0, ["backup"]), done.stderr
