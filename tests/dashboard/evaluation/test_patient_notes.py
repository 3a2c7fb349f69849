"""Beside every interval: what makes it too narrow, where images of one patient may count as several."""

import csv
import io
import json

import pytest

from dashboard.address.selection import Labels, Space
from dashboard.evaluation.comparison import compare, find_subjects
from dashboard.evaluation.file_checks import check_files
from dashboard.evaluation.patient_notes import patients_text
from dashboard.importing.near_duplicates import near_duplicates_of_workspace
from dashboard.server_state.open_workspace import Desk
from dashboard.words import images_of_patients
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import Workspace
from tests.command import run_here


def basis(workspace, *run_ids):
    desk, dataset = Desk(workspace), workspace.dataset()
    subjects = find_subjects(desk.series(), run_ids or ("things-s0",))
    patients, alike = dataset.patients, desk.alike()
    judged = compare(subjects, Space.COMMON, Split.TEST, Labels.ORIGINAL, dataset.labels, patients, alike=alike)
    return judged.basis(judged.evaluations[0])


def rewritten(workspace, patient):
    """The same workspace with other patients: ``patient`` (row) gives the new id."""
    path = workspace.writable / "manifest.csv"
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    with path.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"patient_id": patient(row)} for row in rows)
    return Workspace.open(workspace.writable)


def test_images_of_known_patients_get_no_note(animals):
    assert basis(animals).endswith("60 images of 40 patients")
    assert images_of_patients(1, 1) == "1 image of 1 patient"
    assert images_of_patients(1447, 320) == "1,447 images of 320 patients"


def test_without_patient_ids_each_image_counts_as_a_patient(fresh_animals):
    said = basis(rewritten(fresh_animals, lambda row: ""))
    assert "60 images of 60 patients (each image counts as its own patient: the CI is too narrow if" in said


def test_one_image_per_patient_is_said_too(fresh_animals):
    said = basis(rewritten(fresh_animals, lambda row: f"p-{row['image_id']}"))
    assert "each image counts as its own patient" in said


def test_some_images_without_a_patient_are_counted(fresh_animals):
    left = {"i0000", "i0001", "i0004"}  # 0, 1 and 4 are of the test split
    said = basis(rewritten(fresh_animals, lambda row: "" if row["image_id"] in left else row["patient_id"]))
    assert "3 images without a patient id count as a patient each" in said
    assert "each image counts" not in said


@pytest.mark.parametrize("checked", ["hashes", "files"])
def test_copies_under_other_patients_are_said_once_files_were_checked(fresh_animals, checked):
    """Image 1 is copied over images 4 and 5 of two other patients, and over 8, which is then of its own patient."""
    workspace = fresh_animals
    dataset = workspace.dataset()
    raw = workspace.image_path(dataset.by_id["i0001"]).read_bytes()
    for image_id in ("i0004", "i0005", "i0008"):
        (workspace.writable / dataset.by_id[image_id].path).write_bytes(raw)
    owner = dataset.by_id["i0001"].patient_id
    workspace = rewritten(workspace, lambda row: owner if row["image_id"] == "i0008" else row["patient_id"])
    assert "look like" not in basis(workspace)  # nothing was checked: nothing is claimed
    if checked == "hashes":
        near_duplicates_of_workspace(workspace)
    else:
        check_files(workspace, workspace.dataset().images, lambda done, of: None)
    alike = Desk(workspace).alike()
    group = {image_id for image_id, one in alike.items() if one == alike["i0001"]}
    assert {"i0001", "i0004", "i0005", "i0008"} <= group
    text = patients_text(["i0001", "i0004", "i0005", "i0008"], 3, workspace.dataset().patients, alike)
    assert (
        text
        == "4 images of 3 patients (4 look like an image of another patient: the CI is too narrow if they are copies)"
    )
    assert "look like" not in patients_text(["i0001", "i0008"], 1, workspace.dataset().patients, alike)
    assert "look like an image of another patient" in basis(workspace)


def test_new_hashes_change_the_revision_and_the_basis_of_an_open_desk(fresh_animals):
    desk = Desk(fresh_animals)
    before, alike = desk.revision(), desk.alike()
    near_duplicates_of_workspace(fresh_animals)
    assert desk.revision() != before
    assert set(desk.alike()) >= set(alike)


def test_the_command_and_the_report_say_it(fresh_animals, tmp_path):
    workspace = rewritten(fresh_animals, lambda row: "")
    report = tmp_path / "out.html"
    asked = ("compare", "things-s0", "things-s1", "--workspace", str(workspace.writable), "--report", str(report))
    done = run_here(*asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "each image counts as its own patient" in done.stdout
    assert report.read_text().count("each image counts as its own patient") >= 4
    tree = json.loads(report.with_suffix(".json").read_text())
    assert "each image counts" in tree["basis"]["images and patients"]["things-s0"]
