"""Text of a dry run: what an import would write, line by line."""

from collections import Counter
from collections.abc import Iterator, Sequence

from dashboard.importing.plan import ImportPlan
from dashboard.words import counted
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.source import shown
from model_zoo.workspace.manifest import ImageRecord

AT_MOST = 5
CLASSES_AT_MOST = 12


def plan_words(plan: ImportPlan) -> Iterator[str]:
    """Lines about everything that `write_import` would write, and all warnings."""
    source, records = plan.source, plan.records
    yield f"Source: {source.layout}, {'labels only' if plan.options.labels_only else f'images in {source.base}'}"
    yield from (f"  {sentence}" for sentence in source.told)
    yield f"Workspace: {plan.workspace.writable}"
    listed = len(source.rows) + len(source.left_out)
    yield f"  images: {len(records):,} of {listed:,} listed; {_where(plan)}"
    for split in Split:
        if images := [image for image in records if image.split is split]:
            name = "no split" if split is Split.NONE else str(split)
            yield f"  {name}: {counted(len(images), 'image')}{_patients(images)}"
    labels = Counter(plan.space.format(image.label) for image in records)
    yield f"  labels: {_listed([f'{shown(name)} {n:,}' for name, n in labels.most_common()], CLASSES_AT_MOST)}"
    named = {image.patient_id for image in records} - {""}
    yield f"  patients: {len(named):,}" if named else "  patients: none named; every image counts as its own patient"
    columns = dict.fromkeys(name for image in records for name in image.columns)
    yield f"  further columns: {_listed([shown(name) for name in columns], CLASSES_AT_MOST) or 'none'}"
    if plan.declaration:
        yield f"  workspace.toml: {counted(len(plan.space.leaves), 'leaf', 'leaves')} declared"
    else:
        yield "  workspace.toml: stays; labels are read as it declares them"
    for taxonomy in plan.taxonomies:
        outside = f", {counted(len(taxonomy.outside), 'leaf', 'leaves')} outside" if taxonomy.outside else ""
        yield f"  taxonomies/{taxonomy.name}.toml: {counted(len(taxonomy.classes), 'class', 'classes')}{outside}"
    yield from (f"Note: {sentence}" for sentence in plan.warnings)
    if plan.options.labels_only:
        yield f"Note: there are no image files: pages show labels and metrics, and no image. {_put_there(plan)}"
    elif not plan.options.check:
        yield "Note: no image was opened (--no-check): damaged ones and equal ones under two names are not found."
    if plan.left_out:
        yield f"Left out: {counted(len(plan.left_out), 'image')}"
        yield from (f"  {sentence}" for sentence in plan.left_out[:AT_MOST])
        if len(plan.left_out) > AT_MOST:
            yield f"  and {len(plan.left_out) - AT_MOST:,} more"


def _where(plan: ImportPlan) -> str:
    if plan.options.labels_only:
        return f"no image files, which are looked for below {plan.folder}"
    if not plan.folder:
        return "they stay where they are, in the workspace"
    return f"copied to {plan.folder}" if plan.options.copy else f"in place, through a link {plan.folder} to {plan.base}"


def _put_there(plan: ImportPlan) -> str:
    return f"Put the files below {plan.folder} to see them, such as {shown(plan.records[0].path)}."


def _patients(images: Sequence[ImageRecord]) -> str:
    named = {image.patient_id for image in images} - {""}
    return f" of {counted(len(named), 'patient')}" if named else ""


def _listed(texts: Sequence[str], at_most: int) -> str:
    rest = f" and {len(texts) - at_most:,} more" if len(texts) > at_most else ""
    return ", ".join(texts[:at_most]) + rest
