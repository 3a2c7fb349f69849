"""What the table of decisions says of each."""

from dashboard.decisions.decision import Answer
from dashboard.ui.decision_table import rows
from tests.dashboard.histories import decision, undo


def test_a_row_says_why_how_and_in_which_action():
    told = [
        decision(1, reason="bad image", batch="b1"),
        decision(2, image_id="i2", batch="b1", blind=True),
        decision(3, image_id="i3", adjudicates=True),
        undo(4, 3, image_id="i3"),
        decision(5, Answer.FLAG, image_id="i4"),
    ]
    found = rows(told, told)
    assert [row["reason"] for row in found] == ["bad image", "", "", "", ""]
    assert [row["action"] for row in found] == ["2 at once", "2 at once", "", "", ""]
    assert [row["answer"] for row in found] == [
        "relabel", "relabel (blind)", "relabel (adjudicating, undone)", "undo", "flagged for a talk"
    ]  # fmt: skip
    assert [row["answer"] for row in rows(told[2:3], told)] == ["relabel (adjudicating, undone)"]
