"""Two people disagree, a third adjudicates: from Decisions through the queue to the rows of the database."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from dashboard.decisions.store import DecisionStore
from dashboard.review.record_decision import decide
from model_zoo.workspace.workspace import Workspace
from tests.browser.harness.database import decisions_in
from tests.browser.recomputed import MANIFEST
from tests.browser.serving import taxoscope

PLACED = MANIFEST[MANIFEST.label.str.contains("placed")]
TEST = list(PLACED.index[PLACED.split == "test"][:3])
VALIDATION = list(PLACED.index[PLACED.split == "validation"][:1])
SAID = {"Ann <b>": "bpd.placed.present", "Ben": "cereb.placed.present"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("adjudication")


@pytest.fixture(scope="module")
def served(folder):
    """Ann and Ben disagree about two test images and one of validation, and agree about a third test image."""
    demo = Workspace.demo(folder)
    proposals = [
        {"image_id": image_id, "reviewer": who, "client_id": who, "seq": k, "answer": "relabel",
         "after": SAID["Ben" if image_id == TEST[2] else who], "reason": "hard to tell apart"}
        for k, image_id in enumerate([*TEST, *VALIDATION]) for who in SAID
    ]  # fmt: skip
    store = DecisionStore(demo.decisions_path)
    assert not decide(store, demo.space, demo.dataset().labels, proposals, lambda: datetime.now(UTC)).refused
    store.close()
    running = taxoscope(folder).start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def nobody_else(served):
    served.forget_leases()


def named(page, name):
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Your name").press("Enter")


def test_the_history_of_one_person_and_of_one_image_stands_in_the_address(served, new_page):
    page = new_page(height=1400)
    page.goto(f"{served.url}/decisions?reviewer=Ben&image={TEST[0]}")
    expect(page.get_by_text("1 of 8 decisions")).to_be_visible()
    expect(page.get_by_role("combobox", name="Reviewer")).to_have_value("Ben")
    expect(page.get_by_role("combobox", name="Image")).to_have_value(TEST[0])
    page.goto(f"{served.url}/decisions?reviewer=Nobody")
    expect(page.get_by_text("0 of 8 decisions")).to_be_visible()
    page.goto(f"{served.url}/inspect?image={TEST[0]}")
    expect(page.get_by_role("link", name="this image's history on Decisions")).to_have_attribute(
        "href", f"decisions?image={TEST[0]}"
    )


def test_one_of_the_two_is_told_so_and_another_person_gets_another_image(served, new_page):
    ben, dora = new_page(), new_page()
    for page, name in ((ben, "Ben"), (dora, "Dora")):
        page.goto(f"{served.url}/review?order=conflict&split=test")
        named(page, name)
        expect(page.get_by_text("wait for you to adjudicate")).to_be_visible()
    panel = ben.locator(".reviewer")
    expect(panel.get_by_text("you are one of those who disagree")).to_be_visible()
    expect(panel).to_have_attribute("data-image", TEST[0])
    expect(dora.get_by_text("2; 1 wait for you")).to_be_visible()
    expect(dora.get_by_text("1 more is with other reviewers now")).to_be_visible()
    expect(dora.locator(".reviewer")).to_have_attribute("data-image", TEST[1])
    expect(dora.get_by_text("you are one of those who disagree")).to_have_count(0)


def test_a_third_person_ends_a_disagreement_and_it_leaves_the_queue(served, folder, new_page):
    page = new_page(height=1400)
    page.goto(f"{served.url}/decisions")
    expect(page.get_by_text("People disagree about 3 images")).to_be_visible()
    expect(page.get_by_text("The latest label stands, whoever gave it.")).to_be_visible()
    served.forget_leases()  # a page of the test before may have renewed its own while it was closed
    page.get_by_role("link", name="Adjudicate 2 of the test split").click()
    expect(page.get_by_text("Images of the test split about which people disagree: 2; 2 wait for you")).to_be_visible()
    panel = page.locator(".reviewer")
    named(page, "Cem")
    expect(panel.get_by_text("Ann <b>: bpd.placed.present; Ben: cereb.placed.present")).to_be_visible()
    expect(panel).to_have_attribute("data-image", TEST[0])
    page.keyboard.press("y")
    expect(page.get_by_text("about which people disagree: 1; 1 wait for you")).to_be_visible()
    last = decisions_in(folder)[-1]
    assert (last["reviewer"], last["image_id"], last["answer"]) == ("Cem", TEST[0], "confirm")
    assert (last["adjudicates"], last["after"]) == (1, "cereb.placed.present")
    assert last["chosen_by"] == "people disagree (test)"

    panel.get_by_role("button", name="Undo").click()  # it comes back
    expect(page.get_by_text("about which people disagree: 2; 2 wait for you")).to_be_visible()
    assert decisions_in(folder)[-1]["adjudicates"] == 0
