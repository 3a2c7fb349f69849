"""Taxonomies: edit, see what trained series score, save, reload; each number against the files, by other code."""

import re
import tomllib

import pytest
from playwright.sync_api import expect
from sklearn.metrics import accuracy_score
from statsmodels.stats.proportion import proportion_confint

from tests.browser.recomputed import MANIFEST, answers, class_of, percent
from tests.browser.serving import PROJECT, settle, taxoscope
from tests.shares import trials_of

NEGATIVES = [f"no_{structure}" for structure in ("ac", "bpd", "cereb", "fl", "crl", "afi")]
MERGED = "only annotated"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A demo of its own: what is saved here would change what other tests see."""
    folder = tmp_path_factory.mktemp("demo")
    served = taxoscope(folder).start()
    yield folder, served
    served.stop()


@pytest.fixture
def opened(own, new_page):
    def go(address, **look):
        page = new_page(**look)
        page.goto(f"{own[1].url}/{address}")
        settle(page)
        return page

    return go


def choose(page, label, names):
    box = page.get_by_role("combobox", name=label)
    for name in names:
        box.fill(name)
        page.get_by_role("option", name=name, exact=True).click()
    page.keyboard.press("Escape")
    settle(page)


def button(page, name):
    page.get_by_role("button", name=name, exact=True).click()
    settle(page)


def scores(page):
    """Series -> (own accuracy, accuracy in these classes, images, patients), as the preview shows them."""
    rows = page.get_by_test_id("stTable").first.locator("tbody tr").all()
    cells = [[cell.inner_text().replace("\xa0", " ") for cell in row.locator("th, td").all()] for row in rows]
    return {row[0].split(" ·")[0]: tuple(row[2:]) for row in cells}


def recomputed(taxonomy, mapped, split="validation"):
    """The same from the Parquet files: mean over seeds, in own classes and with ``mapped`` applied to both sides."""
    runs = [(MANIFEST.label[said.index].map(class_of(taxonomy)), said) for said in answers(taxonomy, split).values()]
    images = runs[0][1].index
    owners = MANIFEST.patient_id[images]
    own = {name: name for name in class_of(taxonomy).values()}
    return (*(with_interval(runs, by, owners) for by in (own, mapped)), f"{len(images):,}", f"{owners.nunique():,}")


def with_interval(runs, by, owners):
    """Accuracy and its interval: Wilson with Student's t at effective patients, as docs/metrics.md says."""
    accuracy = sum(accuracy_score(truth.map(by), said.map(by)) for truth, said in runs) / len(runs)
    right = sum((truth.map(by) == said.map(by)).astype(float) for truth, said in runs) / len(runs)
    effective = trials_of(right.groupby(owners).sum(), owners.value_counts().sort_index())
    low, high = proportion_confint(accuracy * effective, effective, method="wilson")
    return f"{percent(accuracy)} ({100 * low:.1f}–{percent(high)})"


def test_edit_preview_save_reload(own, opened):
    folder, _ = own
    page = opened("taxonomies", height=1400)
    expect(page.get_by_text("8 runs trained on exactly these classes.")).to_be_visible()
    same = {name: name for name in class_of("fine").values()}
    assert scores(page) == {"fine": recomputed("fine", same)}

    choose(page, "Classes to merge", NEGATIVES)
    expect(page.get_by_text("Shared meaning: markers = none, annotation = present")).to_be_visible()
    page.get_by_label("Name of the merged class").fill(MERGED)
    button(page, "Merge")
    mapped = {**same, **dict.fromkeys(NEGATIVES, MERGED)}
    onto = {name: MERGED if name == "no_marker" else name for name in class_of("merged_no").values()}
    wanted = {"fine": recomputed("fine", mapped), "merged_no": recomputed("merged_no", onto)}
    assert scores(page) == wanted
    assert wanted["fine"][0] != wanted["fine"][1]
    expect(page.get_by_text(re.compile("free gain only"))).to_be_visible()
    blocked = page.get_by_test_id("stExpander").filter(has_text="Cannot answer in these classes")
    expect(blocked).to_contain_text("consolidated")
    blocked.locator("summary").click()
    expect(blocked).to_contain_text("its empty spreads over na_ac (ac.none.none)")

    page.get_by_role("tab", name="Rename").click()
    choose_one(page, "Class to rename", "cereb")
    page.get_by_label("New name").fill('<b>"cereb"</b>')
    page.get_by_label("New name").press("Enter")
    settle(page)
    button(page, "Rename")
    expect(page.get_by_role("listitem")).to_contain_text(["Merged", 'Renamed cereb to <b>"cereb"</b>'])
    button(page, "Undo the last step")
    expect(page.get_by_text("Renamed cereb")).to_have_count(0)
    assert scores(page) == wanted

    address = page.url
    page.reload()
    settle(page)
    assert (page.url, scores(page)) == (address, wanted)
    assert not (folder / "taxonomies").exists()  # a draft is in the address alone

    page.get_by_role("textbox", name="Description").fill(
        "One class for what is only annotated."
    )  # text and click arrive together
    button(page, "Save as fine.v2")
    expect(page.get_by_text("Saved as fine.v2.")).to_be_visible()
    expect(page.get_by_text("uv run taxoscope train --taxonomy fine --seeds 0-2", exact=True)).to_be_visible()
    written = tomllib.loads((folder / "taxonomies" / "fine.v2.toml").read_text())
    assert (written["name"], written["version"], written["classes"][MERGED]) == ("fine", 2, "*.none.present")
    assert written["description"] == "One class for what is only annotated."
    before = tomllib.loads((PROJECT / "model_zoo" / "taxonomies" / "fine.toml").read_text())
    assert (before["version"], len(before["classes"]), len(written["classes"])) == (1, 19, 14)

    page.goto(page.url.split("?")[0])  # nothing but the page: the newest version is the one that is used
    settle(page)
    expect(page.get_by_text("fine · 14 classes")).to_be_visible()
    assert scores(page) == wanted
    page = opened("taxonomies?taxonomy=fine.v1")
    expect(page.get_by_text("(the newest version is 2)")).to_be_visible()
    assert scores(page) == {"fine": recomputed("fine", same)}


def choose_one(page, label, name):
    page.get_by_role("combobox", name=label).fill(name)
    page.get_by_role("option", name=name, exact=True).click()
    settle(page)


def test_test_is_for_verdicts_and_says_so(opened):
    page = opened('taxonomies?taxonomy=fine.v1&split=test&step=["merge",["bpd","cereb"],"head"]')
    mapped = {name: "head" if name in ("bpd", "cereb") else name for name in class_of("fine").values()}
    assert scores(page) == {"fine": recomputed("fine", mapped, "test")}
    expect(page.get_by_text("Test is for verdicts")).to_be_visible()


def test_a_step_that_cannot_be_taken_changes_nothing(opened):
    page = opened("taxonomies?taxonomy=consolidated.v1", height=1400)
    choose(page, "Classes to merge", ["ac", "bpd"])
    page.get_by_label("Name of the merged class").fill("volume")
    before = page.url
    button(page, "Merge")
    expect(page.get_by_text("has a class 'volume' already; choose another name")).to_be_visible()
    assert page.url == before


def test_by_keyboard_alone(opened):
    page = opened("taxonomies?taxonomy=volume.v1", height=1400)
    page.get_by_role("tab", name="Merge").focus()
    page.keyboard.press("Tab")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
    page.keyboard.press("Escape")
    settle(page)
    page.keyboard.press("Tab")
    settle(page)
    while page.evaluate("document.activeElement.innerText") != "Merge":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settle(page)
    expect(page.get_by_text(re.compile("Merged .* into anything"))).to_be_visible()


def test_export_and_import(own, opened):
    folder, _ = own
    page = opened(
        'taxonomies?taxonomy=anatomy.v1&step=["rename","volume","3D \\"render\\" ![x](http://evil)"]&name=mine'
    )
    with page.expect_download() as download:
        button(page, "Export")
    raw = download.value.path().read_bytes()
    assert tomllib.loads(raw.decode())["classes"]['3D "render" ![x](http://evil)'] == "volume"
    page = opened("taxonomies")
    button(page, "Import")
    page.locator("input[type=file]").set_input_files(
        [{"name": "mine.toml", "mimeType": "application/toml", "buffer": raw}]
    )
    settle(page)
    button(page, "Save as mine.v1")
    expect(page.get_by_text("Saved as mine.v1.")).to_be_visible()
    assert (folder / "taxonomies" / "mine.toml").read_bytes() == raw
    button(page, "Import")
    page.locator("input[type=file]").set_input_files(
        [{"name": "evil.toml", "mimeType": "application/toml", "buffer": raw.replace(b'"mine"', b'"../mine"')}]
    )
    expect(page.get_by_text("cannot stand in a path")).to_be_visible()
    assert len(list((folder / "taxonomies").iterdir())) == len(list((folder / "taxonomies").glob("*.toml")))
