"""Cached results of Compare."""

from dataclasses import replace

from dashboard.address.links import Shown
from dashboard.address.selection import Space
from dashboard.compare import task_difficulty
from dashboard.compare.many_models import ManyModelsResult, compare_subjects
from dashboard.evaluation.comparison import Comparison, Subject
from dashboard.server_state.open_workspace import desk
from dashboard.ui.cached import comparison
from dashboard.ui.caching import cached
from model_zoo.core.comparison.difference_matrix import DifferenceMatrix
from model_zoo.core.comparison.difference_matrix import difference_matrix as subtract
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.matrix_layout import MatrixLayout
from model_zoo.core.evaluation.metrics import MappedBy


@cached(entries=32)
def many_models(shown: Shown) -> ManyModelsResult | None:
    """All subjects of ``shown`` compared with the first; None for fewer than three, or if no result is possible."""

    def again(kept: tuple[Subject, ...]) -> Comparison:
        return comparison(replace(shown, subjects=tuple(one.subject_id for one in kept)))

    return compare_subjects(comparison(shown), desk().workspace.rule, again)


def side_by_side(shown: Shown) -> task_difficulty.SideBySide:
    """The subjects of ``shown`` in original and in shared classes, whichever is selected."""
    return _side_by_side(replace(shown, space=Space.COMMON))


@cached(entries=32)
def _side_by_side(shown: Shown) -> task_difficulty.SideBySide:
    native, common = (comparison(replace(shown, space=one)) for one in (Space.NATIVE, Space.COMMON))
    sums = comparison(shown, MappedBy.SUM)
    return task_difficulty.side_by_side(native, common, sums, desk().dataset().patients)


@cached(entries=32)
def secondary_metrics(shown: Shown) -> tuple[task_difficulty.SecondaryMetrics, ...]:
    """Secondary metrics of the subjects of ``shown``."""
    return task_difficulty.secondary_metrics(
        comparison(shown), tuple(desk().workspace.taxonomies().values()), desk().predictions_of_run
    )


@cached(entries=64)
def matrix_diff(shown: Shown, layout: MatrixLayout, per: Per) -> DifferenceMatrix:
    """The second subject's confusion matrix minus the first's, in the rows and columns of ``layout``."""
    first, second = (one.project(layout.projection) for one in comparison(shown).evaluations)
    return subtract(first, second, per)
