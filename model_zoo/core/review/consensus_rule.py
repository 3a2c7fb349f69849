"""How the decisions of several people about one image become its current label."""

from enum import StrEnum


class Rule(StrEnum):
    """How the decisions of several people about one image become its standing label."""

    LATEST = "latest"
    MAJORITY = "majority"
    ADJUDICATED = "adjudicated"

    @property
    def words(self) -> str:
        """What stands when several people have labelled one image, as a sentence."""
        return {
            Rule.LATEST: "The latest label stands, whoever gave it.",
            Rule.MAJORITY: "The label that most people gave stands; a tie leaves the data set's own until somebody "
            "adjudicates.",
            Rule.ADJUDICATED: "A label stands when all who gave one agree, or when somebody has adjudicated; else the "
            "data set's own does.",
        }[self]
