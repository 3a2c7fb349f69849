"""Cached results of Diagnose."""

from dataclasses import replace

from dashboard.address.links import Shown
from dashboard.address.selection import Space
from dashboard.diagnose.diagnosis import Diagnosis
from dashboard.diagnose.subjects import diagnose_all, diagnose_subject
from dashboard.evaluation.comparison import find_subjects
from dashboard.server_state.open_workspace import desk
from dashboard.ui.cached import comparison, images_of
from dashboard.ui.caching import cached
from model_zoo.core.label_space.taxonomy import Taxonomy


def diagnosis(subject_id: str, coarser: Taxonomy, shown: Shown) -> Diagnosis:
    """Diagnosis of one subject in its original classes and in ``coarser``, for the images and labels of ``shown``."""
    return _diagnosis(coarser, replace(shown, subjects=(subject_id,), space=Space.NATIVE))


@cached(entries=64, spinner="Four causes, each against thousands of chance draws …")
def _diagnosis(coarser: Taxonomy, shown: Shown) -> Diagnosis:
    (subject,) = find_subjects(desk().series(), shown.subjects)
    return diagnose_subject(
        desk(), subject, coarser, shown.split, shown.labels, where=shown.where, only=images_of(shown)
    )


def diagnoses(shown: Shown) -> tuple[Diagnosis, ...]:
    """Diagnoses of all subjects with the default coarser classes; not cached, and safe to call from any thread."""
    return diagnose_all(desk(), comparison(shown), images_of(shown))
