"""A comparison as one self-contained page to send to a colleague, with its numbers beside it as CSV and JSON."""

import base64
import csv
import io
import json
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from dashboard.actions import verdict_words as words
from dashboard.actions.compare import Comparison
from dashboard.actions.desk import Desk
from dashboard.actions.export import safe_cell
from dashboard.actions.verdicts import Judgement, question_of, why_none
from dashboard.charts import LIGHT, class_figure
from dashboard.charts.matrices import confusion_figure
from dashboard.charts.verdicts import forest_figure, forest_lines
from model_zoo.core.choices import ClassFigure, Per, Question
from model_zoo.core.evaluation import accuracy, churn, class_figures
from model_zoo.datasets import write_whole

N_EXAMPLES = 12
"""Images shown on which a subject and the reference differ most."""


@dataclass(frozen=True, slots=True)
class Report:
    """The page, its numbers as a table with a row per subject and class, and as JSON with where they come from."""

    html: str
    csv: str
    json: str


def report(desk: Desk, judged: Comparison, found: Sequence[Judgement]) -> Report:
    """What Compare says of ``judged`` and the judgements ``found`` in it."""
    return Report(_html(desk, judged, found), _csv(judged), json.dumps(_json(desk, judged, found), indent=2))


def write_report(made: Report, path: Path) -> tuple[Path, ...]:
    """Write the page to ``path`` and its numbers beside it; each file whole or not at all."""
    files = {path: made.html, path.with_suffix(".csv"): made.csv, path.with_suffix(".json"): made.json}
    for one, text in files.items():
        write_whole(one, text.encode())
    return tuple(files)


def _html(desk: Desk, judged: Comparison, found: Sequence[Judgement]) -> str:
    basis = judged.basis(judged.evaluations[0])
    compared = " against ".join(subject.title for subject in reversed(judged.subjects))
    parts = [
        f"<h1>{escape(desk.workspace.name)}: {escape(compared)}</h1>",
        f"<p class=quiet>{escape(basis)}. Made {_now()} with TaxoScope {version('taxoscope')}.</p>",
    ]
    if sentence := why_none(judged):
        parts.append(f"<p>{escape(sentence)}</p>")
    for judgement in found:
        parts.append(_verdict(desk, judged, judgement))
    parts.append("<h2>Each class</h2><p class=quiet>Recall; lines: 95 % interval, patients only; strokes: seeds.</p>")
    for group in [range(len(judged.subjects))] if judged.same_images else [[k] for k in range(len(judged.subjects))]:
        figures = [class_figures(judged.evaluations[k], ClassFigure.RECALL) for k in group]
        titles, ids = zip(*((judged.subjects[k].title, judged.subjects[k].subject_id) for k in group))
        parts.append(_chart(class_figure(figures, titles, ids, None, LIGHT, "recall")))
    for subject, evaluation in zip(judged.subjects, judged.evaluations, strict=True):
        figure = accuracy(evaluation)
        spread = f"; SD over {len(subject.runs)} seeds {100 * figure.sd:.1f} points" if len(subject.runs) > 1 else ""
        disagree = f"; two seeds disagree on {churn(evaluation.predicted):.1%} of images" if spread else ""
        of = f"mean matrix of {len(subject.runs)} runs" if len(subject.runs) > 1 else "matrix"
        parts.append(
            f"<h2>{escape(subject.title)}</h2><p>Accuracy {figure.mean:.1%} (95 %, patients only: "
            f"{figure.share.low:.1%} to {figure.share.high:.1%}){spread}{disagree}. "
            f"{escape(judged.basis(evaluation))}; {of}, % of the true class.</p>"
            + _chart(confusion_figure(evaluation.confusion, Per.TRUE, LIGHT, of_runs=len(subject.runs)))
        )
    parts.append(f"<h2>Where it comes from</h2>{_sources(judged)}")
    return _PAGE.format(title=escape(desk.workspace.name), plotly=get_plotlyjs(), body="\n".join(parts))


def _verdict(desk: Desk, judged: Comparison, judgement: Judgement) -> str:
    rule, asked = desk.workspace.rule, question_of(judgement)
    said = judgement.verdicts[asked, rule.figure]
    other = Question.CHECKPOINT if asked is Question.TRAINING else Question.TRAINING
    beside = judgement.verdicts[other, rule.figure]
    names = judgement.subject.title, judgement.reference.title
    lines = forest_lines(judgement, asked, rule, ClassFigure.RECALL)
    method = "".join(f"<li>{escape(line)}</li>" for line in words.method(judgement, rule))
    return (
        f"<section><h2>{escape(words.headline(judgement, said, judged.where))}</h2><p>{escape(words.figures(said))}</p>"
        f"<p class=quiet>{escape(words.uncertain(judgement, asked))}</p>"
        f"<p>{escape(words.ASKED[other])}. {escape(words.headline(judgement, beside, judged.where))} "
        f"{escape(words.figures(beside))}</p>"
        f"{_chart(forest_figure(lines, judgement.subject.subject_id, names, rule.margin, LIGHT))}"
        f"<ul class=quiet>{method}</ul>{_examples(desk, judged, judgement)}</section>"
    )


def _examples(desk: Desk, judged: Comparison, judgement: Judgement) -> str:
    """The images on which the two differ most: in how many more of its runs one is right than the other."""
    a, b = (judged.evaluations[judged.subjects.index(one)] for one in (judgement.subject, judgement.reference))
    if a.image_ids != b.image_ids:
        return ""
    gap = a.right.mean(axis=0) - b.right.mean(axis=0)
    rows = [int(row) for row in np.argsort(-np.abs(gap), kind="stable")[:N_EXAMPLES] if gap[row]]
    tiles = []
    for row in rows:
        raw = base64.b64encode(desk.image_bytes(a.image_ids[row])).decode()
        kind = mimetypes.guess_type(desk.image(a.image_ids[row]).path)[0] or "image/jpeg"
        true = a.taxonomy.names[a.truth[row]]
        rights = [f"{side.right[:, row].sum()} of {len(side.right)}" for side in (a, b)]
        tiles.append(
            f'<figure><img alt="" src="data:{kind};base64,{raw}"><figcaption>{escape(a.image_ids[row])}, true '
            f"{escape(true)}<br>right: {rights[0]} against {rights[1]}</figcaption></figure>"
        )
    about = f"Images on which {judgement.subject.title} and {judgement.reference.title} differ most (not a sample)."
    return f"<h3>{escape(about)}</h3><div class=tiles>{''.join(tiles)}</div>" if tiles else ""


def _csv(judged: Comparison) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    sides = ("value", "low", "high", "sd over runs", "images", "patients")
    writer.writerow(["subject", "label space", "split", "labels", "figure", "class", *sides])
    for subject, evaluation in zip(judged.subjects, judged.evaluations, strict=True):
        rows = [("accuracy", "", accuracy(evaluation))]
        rows += [(str(kind), one.name, one) for kind in ClassFigure for one in class_figures(evaluation, kind)]
        about = (subject.title, evaluation.taxonomy.name, str(judged.split), str(judged.labels))
        for kind, name, one in rows:
            figures = (one.mean, one.share.low, one.share.high, one.sd, one.share.n_images, one.share.n_patients)
            writer.writerow([*map(safe_cell, about), kind, safe_cell(name), *figures])
    return out.getvalue()


def _json(desk: Desk, judged: Comparison, found: Sequence[Judgement]) -> dict[str, Any]:
    return {
        "made": _now(),
        "versions": {name: version(name) for name in ("taxoscope", "numpy", "scipy")},
        "basis": {
            "label space": judged.evaluations[0].taxonomy.name if judged.same_images else None,
            "split": str(judged.split),
            "restricted to": judged.where.written if judged.where else None,
            "labels": str(judged.labels),
        },
        "subjects": {
            subject.subject_id: {
                "title": subject.title,
                "taxonomy": [subject.taxonomy.name, subject.taxonomy.version, subject.taxonomy.hash],
                "runs": {run.run_id: run.card.weights_sha256 for run in subject.runs},
                "data": dict(subject.runs[0].card.data_hash),
            }
            for subject in judged.subjects
        },
        "verdicts": [
            {
                "of": judgement.subject.subject_id,
                "against": judgement.reference.subject_id,
                "question": str(question),
                "figure": str(figure),
                "deciding": figure is desk.workspace.rule.figure,
                "margin": said.margin,
                "answer": str(said.answer),
                "values": [said.a, said.b],
                "difference": _interval(said.difference.value, said.difference.low, said.difference.high),
                "images": said.n_images,
                "patients": said.n_patients,
            }
            for judgement in found
            for (question, figure), said in judgement.verdicts.items()
        ],
    }


def _interval(*ends: float) -> list[float | None]:
    return [None if np.isnan(end) else end for end in ends]


def _sources(judged: Comparison) -> str:
    rows = [
        f"<tr><td>{escape(run.run_id)}</td><td>{escape(run.card.taxonomy.reference)} ({run.card.taxonomy.hash})</td>"
        f"<td>{escape(run.card.architecture)}</td><td>{run.card.seed}</td>"
        f"<td>{run.card.data_hash.get(str(judged.split), '–')}</td><td>{run.card.weights_sha256[:16] or '–'}</td></tr>"
        for subject in judged.subjects
        for run in subject.runs
    ]
    head = "<tr><th>run<th>taxonomy<th>architecture<th>seed<th>data<th>weights, sha256</tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _chart(figure: go.Figure) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False}))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}: comparison</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 "Source Sans 3", "Segoe UI", sans-serif; color: #1a2433; max-width: 1040px; margin: 2rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.6rem; }} h2 {{ font-size: 1.25rem; margin-top: 2rem; }} h3 {{ font-size: 1rem; }}
section {{ border: 1px solid #d9e0e8; border-radius: 6px; padding: 0 1.25rem 1rem; }}
.quiet {{ color: #5a6675; font-size: 0.93rem; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px; }}
figure {{ margin: 0; }} figure img {{ width: 100%; border-radius: 4px; }} figcaption {{ font-size: 0.8rem; }}
table {{ border-collapse: collapse; font-size: 0.85rem; }} td, th {{ text-align: left; padding: 2px 12px 2px 0; }}
</style><script>{plotly}</script></head><body>
{body}
</body></html>
"""
