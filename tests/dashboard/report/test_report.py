"""The report: self-contained, its numbers those of the files, hostile names as text."""

import base64
import csv
import io
import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser

import pytest
from PIL import Image
from rich.console import Console

from dashboard.address.selection import Labels, Space
from dashboard.diagnose.diagnosis_words import cause_finding, retraining_effect, sibling_classes
from dashboard.diagnose.subjects import diagnose_all
from dashboard.evaluation.comparison import compare, named_subjects
from dashboard.evaluation.label_change_effect import label_change_effect
from dashboard.evaluation.label_change_effect_words import lean
from dashboard.evaluation.verdict import judgements
from dashboard.report.report import build_report
from dashboard.review.record_decision import decide
from dashboard.runs.region_attention import measure_region_attention
from dashboard.server_state.open_workspace import Desk
from dashboard.words import share_text
from model_zoo.core.diagnosis.diagnosis import Cause
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation.evaluation import accuracy, evaluate
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import common_ground
from tests import second_workspace
from tests.browser.harness.animals import build_with_weights
from tests.command import run, run_here
from tests.second_workspace import DECLARATION, TAXONOMIES


@pytest.fixture
def desk(animals):
    return Desk(animals)


def judged_of(desk, subjects, space=Space.COMMON):
    dataset = desk.dataset()
    return compare(subjects, space, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)


def made_of(desk, *names, subjects=None):
    judged = judged_of(desk, subjects or named_subjects(desk.series(), names))
    return build_report(desk, judged, judgements(judged, desk.workspace.rule), diagnose_all(desk, judged))


class Elements(HTMLParser):
    """Tags, attribute names, text and chart data of a page, in its order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text, self.charts = [], [], "", []
        self._inside = {}
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]
        self._inside = {"tag": tag, **dict(attributes)}

    def handle_data(self, data):
        if self._inside.get("type") == "application/json":
            self.charts.append(data)
        elif self._inside.get("tag") not in ("script", "style"):
            self.text += data

    def handle_endtag(self, tag):
        self._inside = {}


def test_native_each_subject_stands_in_its_own_classes(desk):
    judged = judged_of(desk, named_subjects(desk.series(), ["things", "kinds"]), Space.NATIVE)
    assert judged.same_images
    made = build_report(desk, judged, judgements(judged, desk.workspace.rule), diagnose_all(desk, judged))
    assert "Each in its own classes: answers to different questions" in made.html
    assert json.loads(made.json)["basis"]["label space"] is None
    rows = {row["class"] for row in csv.DictReader(io.StringIO(made.csv)) if row["figure"] == "recall"}
    assert {"cat", "animal"} <= rows


def test_the_numbers_beside_it_are_those_of_the_stored_predictions(desk):
    made = made_of(desk, "things", "kinds")
    subjects = named_subjects(desk.series(), ["things", "kinds"])
    ground = common_ground([one.taxonomy for one in subjects])
    dataset = desk.dataset()
    said = {row["subject"]: row for row in csv.DictReader(io.StringIO(made.csv)) if row["figure"] == "accuracy"}
    for subject in subjects:
        runs = [run.predictions(Split.TEST) for run in subject.runs]
        mine = accuracy(evaluate(runs, subject.taxonomy, ground, dataset.labels, dataset.patients))
        assert float(said[subject.title]["value"]) == pytest.approx(mine.mean, abs=1e-12)
        assert f"Accuracy {share_text(mine.mean)}" in made.html
    numbers = json.loads(made.json)
    assert {one["deciding"] for one in numbers["verdicts"] if one["figure"] == "accuracy"} == {True}
    for subject in subjects:
        assert list(numbers["subjects"][subject.subject_id]["runs"]) == [run.run_id for run in subject.runs]


def test_the_page_asks_nobody_for_anything_and_carries_its_numbers(desk):
    made = made_of(desk, "things", "kinds")
    page = made.html[: made.html.index("<script>")] + made.html[made.html.index("</script>") :]
    assert not re.search(r"""(src|href)\s*=\s*["']?(?!data:)[a-z]*:?//""", page)
    assert "default-src 'none'" in page
    inside = dict(re.findall(r'download="([^"]+)" href="data:[a-z/]+;base64,([^"]+)"', page))
    assert base64.b64decode(inside["comparison.csv"]).decode() == made.csv
    assert base64.b64decode(inside["comparison.json"]).decode() == made.json


def test_example_images_are_those_on_which_the_two_differ_without_what_the_file_says_beside_them(fresh_animals):
    desk = Desk(fresh_animals)
    for path in (fresh_animals.writable / "images").glob("*.png"):
        image = Image.open(path).resize((600, 300))
        exif = image.getexif()
        exif[0x010E] = "Jane Doe, born 1970"
        image.save(path, exif=exif)
    (fresh_animals.writable / "images" / "0000.png").write_bytes(b"broken")
    html = made_of(desk, "things", "kinds").html
    shown = [base64.b64decode(one) for one in re.findall(r'src="data:image/webp;base64,([^"]+)"', html)]
    assert {Image.open(io.BytesIO(one)).size for one in shown} == {(480, 240)}
    assert not any(b"Jane Doe" in one for one in shown)
    subjects = named_subjects(desk.series(), ["things", "kinds"])
    right = []
    for subject in subjects:
        ground, dataset = common_ground([one.taxonomy for one in subjects]), desk.dataset()
        runs = [run.predictions(Split.TEST) for run in subject.runs]
        right.append(evaluate(runs, subject.taxonomy, ground, dataset.labels, dataset.patients))
    gap = abs(right[0].right.mean(axis=0) - right[1].right.mean(axis=0))
    images = re.findall(r"<figcaption>(i\d+), true \w+; right: \d of 2 against \d of 3", html)
    assert images
    least = min(gap[right[0].image_ids.index(one)] for one in images)
    assert least >= sorted(gap)[-len(images)] > 0


def test_every_cause_is_told_in_the_words_of_the_page_with_its_measure_beside_it(desk):
    judged = judged_of(desk, named_subjects(desk.series(), ["things", "kinds"]))
    diagnoses = diagnose_all(desk, judged)
    made = build_report(desk, judged, judgements(judged, desk.workspace.rule), diagnoses)
    body = made.html[made.html.index("</script></head>") :]
    shown = unescape(re.sub(r"<[^>]+>", "", body))
    causes = json.loads(made.json)["causes"]
    for diagnosis in diagnoses:
        for cause in Cause:
            said = cause_finding(cause, diagnosis)
            for sentence in (said.sentence, said.measure, *(text for _, text in said.gains)):
                assert re.sub(r"\\(.)", r"\1", sentence).replace("`", "") in shown
            measure = diagnosis.measures[cause]
            told = causes[diagnosis.subject.subject_id]["measures"][cause]
            for mine, theirs in (("value", measure.value), ("chance gives up to", measure.null_high)):
                assert told[mine] == (None if math.isnan(theirs) else pytest.approx(theirs))
    together = re.sub(r"\\(.)", r"\1", retraining_effect(diagnoses))
    assert f"Measured by retraining, {together}" in shown
    assert retraining_effect(diagnoses[:1]) == ""
    things = next(one for one in diagnoses if one.merges)
    assert sibling_classes(things) in shown
    assert made.html.count("of the probability on siblings") == 2  # light and dark, of the one that has siblings


def test_what_reviewing_changed_is_told_with_the_images_that_moved(fresh_animals):
    desk = Desk(fresh_animals)
    assert "What reviewing changed" not in made_of(desk, "things", "kinds").html
    test = [one.image_id for one in desk.dataset().split(Split.TEST)]
    labels, wrong = desk.dataset().labels, next(one for one in test if desk.dataset().labels[one] == {"cat.small"})
    proposals = [
        {"client_id": "first", "seq": k, "reviewer": "Ann", "image_id": one, "chosen_by": "search"}
        | ({"answer": "relabel", "after": "car.small"} if one == wrong else {"answer": "confirm"})
        for k, one in enumerate([wrong, *(one for one in test if one != wrong)][:5], 1)
    ]
    decide(desk.store, desk.workspace.space, labels, proposals, lambda: datetime.now(UTC))
    made = made_of(desk, "things", "kinds")
    shown = unescape(re.sub(r"<[^>]+>", "", made.html[made.html.index("</script></head>") :]))
    found = label_change_effect(desk, named_subjects(desk.series(), ["things", "kinds"]), Space.COMMON, Split.TEST)
    assert f"Reviewed: 5 of {len(test)} images; 1 label changed." in shown
    told = json.loads(made.json)["reviewing"]
    assert (told["reviewed"], told["relabelled"], told["one-sided"]) == (5, 1, True)
    for one in found.subjects:
        assert lean(found, one) in shown
        before, after = one.figures[Headline.ACCURACY]
        assert f"{share_text(before)} → {share_text(after)}" in shown
        moved = {str(how): len(images) for how, images in one.moved.items()}
        assert told["subjects"][one.subject.subject_id]["moved"] == moved
        assert sum(moved.values()) >= 1


def test_where_nobody_has_looked_the_command_is_named_and_what_was_found_is_told(tmp_path):
    workspace = build_with_weights(tmp_path / "animals")
    desk = Desk(workspace)
    assert "<code>uv run taxoscope look seeing-s0</code>" in made_of(desk, "seeing-s0", "blank-s0").html
    lines = [
        {"image_id": image.image_id, "regions": {"d*sc <b>": [[30, 30, 66, 66]]}}
        for image in workspace.dataset().split(Split.VALIDATION)
    ]
    (workspace.writable / "regions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    measure_region_attention(workspace, "seeing-s0", Split.VALIDATION, 6, CamMethod.GRAD_CAM, (), Console(quiet=True))
    made = made_of(desk, "seeing-s0", "blank-s0")
    assert "taxoscope look seeing-s0" not in made.html
    assert "<code>uv run taxoscope look blank-s0</code>" in made.html
    assert "with d*sc &lt;b&gt; painted out" in made.html
    (told,) = json.loads(made.json)["looks"]
    assert (told["run"], told["images"], told["split"]) == ("seeing-s0", 6, "validation")
    assert {one["region"] for one in told["energies"]} == {"d*sc <b>"}


def test_names_are_text(tmp_path, monkeypatch):
    hostile = """</script><script>alert(1)</script><img src=x onerror='alert(1)'>"{{7*7}}{% raw %}"""
    plain = Elements(made_of(Desk(second_workspace.build(tmp_path / "plain")), "things", "kinds").html)
    quoted = json.dumps(hostile)  # a TOML string, too
    classes = {quoted if name == "animal" else name: leaves for name, leaves in TAXONOMIES["kinds"].items()}
    monkeypatch.setattr(second_workspace, "TAXONOMIES", TAXONOMIES | {"kinds": classes})
    monkeypatch.setattr(second_workspace, "DECLARATION", DECLARATION.replace('"Animals and vehicles"', quoted))
    desk = Desk(second_workspace.build(tmp_path / "hostile"))
    subjects = tuple(
        replace(
            one,
            title=f"{hostile} {one.title}",
            runs=tuple(replace(run, card=replace(run.card, architecture=f"{hostile} net")) for run in one.runs),
        )
        for one in named_subjects(desk.series(), ["things", "kinds"])
    )
    page = Elements(made_of(desk, subjects=subjects).html)
    assert page.tags == plain.tags
    assert page.attributes == plain.attributes
    assert f"{hostile}: {subjects[1].title} against {subjects[0].title}" in page.text  # workspace and models
    assert f"true {hostile}; right" in page.text  # class
    assert page.text.count(f"{hostile} net") == sum(len(one.runs) for one in subjects)
    assert any(json.dumps(hostile)[1:-1] in json.dumps(json.loads(one)) for one in page.charts)


def test_a_taxonomy_names_its_series_and_a_stranger_is_one_sentence(desk):
    assert [one.title for one in named_subjects(desk.series(), ["kinds", "things-s1"])] == [
        "kinds · 2 seeds",
        "things-s1",
    ]
    with pytest.raises(LinkError, match="no run or series 'nobody' here"):
        named_subjects(desk.series(), ["nobody"])


def test_the_command_writes_three_files(animals, tmp_path):
    page = tmp_path / "out.html"
    done = run("compare", "things", "kinds", "--report", str(page), "--workspace", str(animals.writable), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in tmp_path.glob("out.*")) == ["out.csv", "out.html", "out.json"]
    verdicts = json.loads(page.with_suffix(".json").read_text())["verdicts"]
    said = next(one for one in verdicts if one["deciding"] and one["outcome"] != "too few to say")
    starts = {"inconclusive": "Inconclusive", "equivalent": "equivalent within"}
    words = starts.get(said["outcome"], said["outcome"].split(",")[0].split(" ")[0])
    assert words in page.read_text()
    assert words in done.stdout
    refused = run_here(
        "compare", "things", "kinds", "--report", "out.pdf", "--workspace", str(animals.writable), cwd=tmp_path
    )
    assert refused.returncode == 1
    assert "ending in .html" in refused.stdout.replace("\n", " ")
    assert not (tmp_path / "out.pdf").exists()


def test_the_command_restricts_as_the_page_does_and_says_so_in_title_and_numbers(animals, tmp_path):
    desk, page = Desk(animals), tmp_path / "out.html"
    of = ("compare", "things", "kinds", "--report", str(page), "--workspace", str(animals.writable))
    done = run_here(*of, "--where", "camera:B", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    html = page.read_text()
    assert ", where camera = B</title>" in html
    assert ", where camera = B</h1>" in html
    assert "Secondary look, restricted to camera = B" in html
    with (animals.writable / "manifest.csv").open(newline="") as lines:
        shown = {row["image_id"] for row in csv.DictReader(lines) if row["camera"] == "B"}
    rows = list(csv.DictReader(io.StringIO(page.with_suffix(".csv").read_text())))
    assert {row["restricted to"] for row in rows} == {"camera:B"}
    (things,) = named_subjects(desk.series(), ["things"])
    one, labels = things.runs[0], desk.dataset().labels
    ground = common_ground([things.taxonomy, named_subjects(desk.series(), ["kinds"])[0].taxonomy])
    placed = [i for i in one.predictions(Split.TEST).image_ids if i in shown and ground.place(labels[i]) >= 0]
    assert 0 < len(placed) < len(one.predictions(Split.TEST).image_ids)
    assert {float(row["images"]) for row in rows if row["figure"] == "accuracy"} == {len(placed)}
    for where, sentence in (("colour:B", "no column 'colour'"), ("camera", "a colon and a value")):
        refused = run_here(*of, "--where", where, cwd=tmp_path)
        assert refused.returncode == 1
        assert sentence in refused.stdout.replace("\n", " ")
