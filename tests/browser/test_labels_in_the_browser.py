"""Labels computed in the browser, against the same computed by Python."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from model_zoo.core.label_space.labels import Label, LeafSpace, Part
from tests.browser.harness.animals import edited
from tests.browser.serving import PROJECT

PETS = LeafSpace(
    (Part("animal", ("cat", "dog", "owl")), Part("collar", ("none", "worn")), Part("caption", ("none", "present"))),
    lone=("scenery",),
    forbidden=({"collar": "worn", "caption": "none"},),
)
LINES = LeafSpace((Part("kind", ("a.b", "c|d", "e")), Part("size", ("one", "two"))), lone=("x.y", "none"))


@pytest.fixture(scope="module")
def algebra(browser: Browser) -> Iterator[Page]:
    """A blank page that knows `label_algebra.js`."""
    page = browser.new_page()
    page.add_script_tag(
        content=(PROJECT / "dashboard" / "review" / "panel" / "label_algebra.js").read_text(encoding="utf-8")
    )
    yield page
    page.close()


@pytest.mark.parametrize("space", [PETS, LINES], ids=["forbidden", "escaped"])
def test_the_browser_computes_labels_as_python_does(algebra: Page, space: LeafSpace) -> None:
    labels: list[Label] = [frozenset({leaf}) for leaf in space.leaves]
    labels += [frozenset(two) for two in list(combinations(space.leaves, 2))[::7]] + [space.everything]
    changes: list[dict[str, str | None]] = [
        {part.name: value} for part in space.parts for value in (*part.values, None)
    ]
    changes += [one | other for one, other in combinations(changes, 2) if one.keys() != other.keys()]
    edits = [(label, change) for label in labels for change in changes]
    computed = algebra.evaluate(
        "([space, cases]) => cases.map(([one, changes]) => editLabel(space, one, new Map(Object.entries(changes))))",
        [_space(space), [[sorted(label), change] for label, change in edits]],
    )
    assert len(edits) > 200
    assert [frozenset(one) for one in computed] == [edited(space, *edit) for edit in edits]

    classes = [
        space.parse(f"*.{value}") if space is LINES else space.parse(f"*.{value}.*") for value in space.parts[1].values
    ]
    classes += labels[::3]
    answers = [(label, leaves) for label in labels for leaves in classes]
    computed = algebra.evaluate(
        "([space, cases]) => cases.map(([label, leaves]) => answerLabel(space, label, leaves))",
        [_space(space), [[sorted(label), sorted(leaves)] for label, leaves in answers]],
    )
    assert [frozenset(one) for one in computed] == [space.answer(label, leaves) for label, leaves in answers]

    texts = algebra.evaluate(
        "([space, labels]) => labels.map((label) => labelText(space, label))",
        [_space(space), [sorted(one) for one in labels]],
    )
    assert [space.parse(text) for text in texts] == labels
    read = algebra.evaluate(
        "([space, texts]) => texts.map((text) => readLabelText(space, text))", [_space(space), texts]
    )
    assert [frozenset(one) for one in read] == labels


@pytest.mark.parametrize("sizes", [(6, 2, 2), (2,), (10, 3), (12, 9, 8, 7, 3), (30,)])
def test_no_key_does_two_things(algebra: Page, sizes: tuple[int, ...]) -> None:
    parts = [{"name": f"p{i}", "values": [f"v{v}" for v in range(n)]} for i, n in enumerate(sizes)]
    keys = algebra.evaluate("(space) => [...assignKeys(space, 'parts')]", {"parts": parts, "lone": ["x"], "leaves": {}})
    fixed = algebra.evaluate("() => FIXED_KEYS")
    assert {key: action for key, action in keys if key in fixed} == fixed
    assert len({key for key, _ in keys}) == len(keys)
    assert "c" not in {key for key, _ in keys}  # Streamlit's own
    given = [action for _, action in keys if action.split(":")[0] in ("part", "lone")]
    assert len(set(given)) == len(given)
    wanted = sum(sizes) + len(sizes) + 1
    assert len(given) == min(wanted, 23)  # 10 + 6 + 5 + 2 keys in the rows


def _space(space: LeafSpace) -> dict[str, Any]:
    return {
        "parts": [{"name": part.name, "values": list(part.values)} for part in space.parts],
        "lone": [leaf for leaf in space.leaves if not space.values_of[leaf]],
        "leaves": {leaf: list(values) for leaf, values in space.values_of.items()},
    }
