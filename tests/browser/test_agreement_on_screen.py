"""Do people agree? The figures on Decisions against scikit-learn's, from the database's own rows."""

import sqlite3
from contextlib import closing

import numpy as np
from playwright.sync_api import expect
from sklearn.metrics import cohen_kappa_score

from dashboard.decisions.store import DecisionStore
from dashboard.review.record_decision import decide
from model_zoo.workspace.workspace import Workspace
from tests.browser.recomputed import MANIFEST, class_of
from tests.browser.serving import settle, taxoscope


def test_agreement_is_that_of_the_rows_in_the_database(tmp_path, new_page):
    from datetime import UTC, datetime

    demo = Workspace.demo(tmp_path)
    images = MANIFEST[(MANIFEST.split == "test") & MANIFEST.label.str.contains("placed")].index[:40]
    rng = np.random.default_rng(0)
    proposals = [
        {"image_id": image_id, "reviewer": who, "client_id": who, "seq": k, "answer": "relabel",
         "after": f"{rng.choice(['bpd', 'cereb'])}.placed.present"}
        for k, image_id in enumerate(images) for who in ("Ann <b>", "Bob")
    ]  # fmt: skip
    store = DecisionStore(demo.decisions_path)
    stored = decide(store, demo.space, demo.dataset().labels, proposals, lambda: datetime.now(UTC))
    assert not stored.refused

    served = taxoscope(tmp_path).start()
    try:
        page = new_page(height=2600)
        page.goto(f"{served.url}/decisions?taxonomy=consolidated")
        settle(page)
        with closing(sqlite3.connect(demo.decisions_path)) as database:
            rows = database.execute("SELECT image_id, reviewer, after FROM decisions ORDER BY decision_id").fetchall()
        given = {who: {image: class_of("consolidated")[to] for image, name, to in rows if name == who}
                 for who in ("Ann <b>", "Bob")}  # fmt: skip
        ann, bob = ([said[image] for image in images] for said in given.values())
        share = sum(a == b for a, b in zip(ann, bob)) / 40
        text = page.get_by_test_id("stMain").inner_text()
        assert f"Of two answers about one image {100 * share:.1f} % agree (95 % " in text
        assert f"40 images of {MANIFEST.patient_id.loc[images].nunique()} patients, 2 people" in text
        assert "0 of 80 were given blind" in text
        row = page.get_by_role("row", name="Cohen's kappa, Ann <b> and Bob")
        kappa = cohen_kappa_score(ann, bob)
        assert row.get_by_role("cell").first.inner_text().replace("−", "-") == f"{kappa:.2f}"
        differ = [image for image, a, b in zip(images, ann, bob) if a != b]
        page.get_by_text(f"{len(differ)} images about which people differ").click()
        link = page.get_by_role("link", name=differ[0], exact=True)
        expect(link).to_be_visible()
        assert (
            f"{differ[0]} – Ann <b>: {ann[list(images).index(differ[0])]}, Bob: "
            in page.get_by_test_id("stMain").inner_text()
        )
        page.goto(f"{served.url}/decisions?taxonomy=nothing")
        expect(page.get_by_text("The address asks for taxonomy = 'nothing'; it can be ")).to_be_visible()
    finally:
        served.stop()
