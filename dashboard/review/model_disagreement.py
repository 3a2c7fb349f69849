"""Where selected models disagree about an image."""

from collections.abc import Mapping, Sequence

import numpy as np

from dashboard.evaluation.comparison import Subject, distinct
from dashboard.evaluation.stored_predictions import stored_predictions
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.evaluation.evaluation import mapped
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import common_ground, project


def model_disagreement(
    desk: Desk, subjects: Sequence[Subject], split: Split, image_ids: Sequence[str]
) -> Mapping[str, str]:
    """Image id -> ``fine-s0: cat 0.91; coarse-s1: dog 0.88`` for the images about which the runs disagree.

    They do where their answers differ on common ground. The two answers given by most runs are told, each by the
    run that is surest of it, in that run's own class.
    """
    said = [one for subject in distinct(subjects) if (one := stored_predictions(desk, subject, split)) is not None]
    known = [one for one in image_ids if all(one in runs.row_of for s in said for runs in s.predictions)]
    if not said or not known:
        return {}
    ground = common_ground([one.subject.taxonomy for one in said])
    run_ids, names, common, sure = [], [], [], []
    for one in said:
        onto = project(one.subject.taxonomy, ground)
        for run, stored in zip(one.runs, one.predictions, strict=True):
            rows = [stored.row_of[image_id] for image_id in known]
            run_ids.append(run.run_id)
            names.append(stored.predicted_names(rows))
            common.append(mapped(stored, onto)[rows])
            sure.append(stored.probabilities[rows].max(axis=1) if not stored.labels_only else np.zeros(len(rows)))
    found = {}
    for k, (image_id, answers, shares) in enumerate(zip(known, np.transpose(common), np.transpose(sure), strict=True)):
        different, n_runs = np.unique(answers, return_counts=True)
        if len(different) > 1:
            most = different[np.argsort(-n_runs, kind="stable")[:2]]
            surest = [int(np.where(answers == answer, shares, -1).argmax()) for answer in most]
            found[image_id] = "; ".join(f"{run_ids[run]}: {names[run][k]} {_sure(shares[run])}" for run in surest)
    return found


def _sure(share: float) -> str:
    """0 stands for a run that gave labels without probabilities: the highest probability of any other is more."""
    return f"{share:.2f}" if share else "(answer only)"
