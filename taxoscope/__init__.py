"""TaxoScope from Python: compare image classifiers whose class sets differ.

    import taxoscope as ts

    result = ts.compare(y_true, {"fine": p_fine, "merged": p_merged}, taxonomies={"merged": {...}}, groups=patient)
    result.verdict, result.ci

Names and the order of arguments are those of scikit-learn. Whatever does not fit is a `TaxoScopeError` in one sentence.
"""

from importlib.metadata import version

from model_zoo.core.errors import TaxoScopeError
from taxoscope.claims import ClaimResult, claim
from taxoscope.comparing import compare
from taxoscope.measures import agreement, diagnose, label_errors, suggest_merges
from taxoscope.result import Result
from taxoscope.run_log import log_run
from taxoscope.workspaces import Workspace
from taxoscope.workspaces import open_workspace as open

__all__ = [
    "ClaimResult",
    "Result",
    "TaxoScopeError",
    "Workspace",
    "agreement",
    "claim",
    "compare",
    "diagnose",
    "label_errors",
    "log_run",
    "open",
    "suggest_merges",
]

__version__ = version("taxoscope")
