"""Form that imports images and labels: how they are read, a dry run with counts, and the import."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.evaluation.image_counts import splits_of
from dashboard.evaluation.image_counts_words import SPLIT_NAMES
from dashboard.importing import uploads_ui as taking
from dashboard.importing.images import PAGE_NAMES, Preview, import_images, label_counts, planned_groups, with_page_names
from dashboard.importing.plan import ImportOptions, ImportPlan, plan_import
from dashboard.importing.plan_words import plan_words
from dashboard.importing.uploads import (
    ImportFiles,
    ImportKind,
    ReadOptions,
    UploadedFile,
    commands_instead,
    commands_only,
    take_incoming,
    take_upload,
    why_no_images,
)
from dashboard.importing.wording_ui import wording_fields
from dashboard.server_state.jobs import Job, ProgressCallback, jobs
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import state
from dashboard.ui.progress import watch_job
from dashboard.words import counted, plain
from model_zoo.core.errors import TaxoScopeError
from model_zoo.importing.source import Source
from model_zoo.importing.splits import parse_shares
from model_zoo.importing.tables import Columns
from model_zoo.importing.text_encoding import ENCODINGS
from model_zoo.workspace.manifest import DataSet
from model_zoo.workspace.workspace import Workspace

ENDINGS = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".csv", ".tsv", ".parquet", ".json", ".jsonl")
_PLAN, _STORE = "import_plan", "import_store"
_SHARES = ("", "70/15/15", "80/10/10", "60/20/20")
_HELD_OUT = (0, 10, 15, 20, 30)


def can_import(desk: Desk) -> bool:
    """Whether images can be imported here; if not, shows why and the command to use."""
    if why := why_no_images(desk.workspace):
        st.info(plain(why))
        st.code(commands_instead(desk.workspace), language=None)
        return False
    st.markdown(
        "A zip of images with a folder for each class, or with a table (CSV, Parquet) that lists them; a zip of DICOM; "
        "or a table of labels alone. Nothing is written before a dry run has said what would be, and then all of it or "
        "nothing."
    )
    with st.expander("Files elsewhere on this machine, or more than can be uploaded"):
        st.markdown(
            "A page reads only what you upload and what lies in this workspace's folder `incoming`. The command line "
            "reads any folder, and does and says the same:"
        )
        st.code(commands_instead(desk.workspace), language=None)
        st.markdown(
            "Only the command line lists every pair of images that look alike (a dry run here says how many there are "
            "across splits and labels):"
        )
        st.code(commands_only(desk.workspace), language=None)
    return True


def choose_file(desk: Desk) -> ImportFiles | None:
    """The files to import, once they are ready; shows an import that another tab started."""
    job = jobs().get(_STORE)
    if job and job.running and state.get(_STORE) is not job:
        watch_job(job, "An import is running", "images", "import_elsewhere_cancel")
        return None
    if n_images := len(desk.dataset().images):
        st.caption(f"{counted(n_images, 'image')} in this workspace so far.")

    encoding = st.selectbox(
        PAGE_NAMES["--encoding"],
        ["", *ENCODINGS],
        key="import_encoding",
        format_func=lambda one: one or "as it fits: UTF-8, or Korean CP949",
        help="Of a table, and of names in a zip without the mark of UTF-8.",
    )

    def uploaded(files: Sequence[UploadedFile]) -> taking.Take:
        return lambda tell: take_upload(files, tell, encoding)

    def put_there(name: str) -> taking.Take:
        return lambda tell: take_incoming(desk.workspace, name, tell, encoding)

    return taking.choose_files(desk, ImportKind.IMAGES, ENDINGS, uploaded, put_there, encoding)


def import_form(desk: Desk, import_files: ImportFiles) -> None:
    """Draw the settings beside a preview, the dry run, and the import button."""
    if _storing(import_files):
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        try:
            reading = _reading(import_files)
            options = _import_options(import_files)
        except TaxoScopeError as error:
            st.error(plain(with_page_names(import_files.without_server_path(str(error)))))
            return
    with right:
        try:
            source, previews = import_files.source(reading), import_files.previews(reading)
        except TaxoScopeError as error:
            st.error(plain(with_page_names(import_files.without_server_path(str(error)))))
            return
        _preview(source, previews, import_files, by_rules=reading.rules is not None)
    _dry_run(desk, import_files, reading, options)


def _reading(import_files: ImportFiles) -> ReadOptions:
    st.subheader("How it is read", anchor=False)
    table = ""
    if tables := import_files.tables:
        table = st.selectbox(
            "What says the labels",
            ["", *tables],
            key=state.init_widget(f"import_table_{import_files.key}", import_files.likeliest_table),
            format_func=lambda one: f"table {one}" if one else "the folders",
        )
    names = import_files.columns(table)
    by_folders = not table and import_files.path.is_dir()
    columns, rules = _columns(names, import_files.key) if names else (Columns(), None)
    wording = wording_fields(import_files.encoding, import_files.key, not by_folders)
    if not by_folders:
        return ReadOptions(table, columns, rules=rules, wording=wording)
    folders = st.text_input(
        "What the folders mean, from the outermost",
        key=f"import_folders_{import_files.key}",
        placeholder="as they look: class, or split/class",
        help="class, split, patient, - for nothing, or the name of a column, with a slash between: split/class, "
        "patient/class, class/class (a finer class in a coarser one).",
    )
    meaning = tuple(one.strip() for one in folders.split("/")) if folders.strip() else ()
    return ReadOptions("", Columns(), meaning, wording=wording)


def _columns(names: Sequence[str], key: str) -> tuple[Columns, str | None]:
    """Select the column of each field, and label rules if rules give the labels."""

    def column(title: str, what: str) -> str:
        return str(
            st.selectbox(title, ["", *names], key=f"import_{what}_{key}", format_func=lambda one: one or "by its name")
        )

    image = column("Column of the image files", "image")
    by_rules = st.toggle("Labels by rules", key=f"import_by_rules_{key}", help="One class from several columns.")
    labels: Sequence[str] = ()
    rules = None
    if by_rules:
        rules = st.text_area(
            "Rules, one a line; the first that holds gives the label",
            key=f"import_rules_{key}",
            placeholder="marker=yes and annotation=yes and structure=bpd -> bpd",
            help="Comparisons: column=value, column!=value, column in (a, b); joined by and, or, not, ( ). What has "
            'spaces stands in "double quotes"; # begins a comment.',
        )
    else:
        labels = st.multiselect(
            "Columns of labels, the finest class first",
            names,
            key=f"import_labels_{key}",
            placeholder="by its name",
        )
    in_parts = len(labels) > 1 and st.toggle(
        "They are parts of one label, none finer than another", key=f"import_parts_{key}"
    )
    sides = st.columns(3)
    with sides[0]:
        patient = column("Patient", "patient")
    with sides[1]:
        split = column("Split", "split")
    with sides[2]:
        image_id = column("Id", "id")
    classes, parts = ((), tuple(labels)) if in_parts else (tuple(labels), ())
    return Columns(image, classes, patient, split, image_id, parts), rules


def _import_options(import_files: ImportFiles) -> ImportOptions:
    key = import_files.key
    sides = st.columns(2)
    shares = sides[0].selectbox(
        "Images without a split",
        _SHARES,
        key=f"import_shares_{key}",
        format_func=lambda one: f"draw {one} by patient" if one else "stay in none",
        accept_new_options=True,
        help="Percents of train, validation and test in steps of 5; you may type others, such as 50/25/25.",
    )
    held_out = sides[1].selectbox(
        "Validation",
        _HELD_OUT,
        key=f"import_held_{key}",
        format_func=lambda one: f"draw {one} % of training patients" if one else "as it is",
    )
    copy = True
    if import_files.stays:
        copy = st.toggle("Copy the images (else they stay in incoming)", key=f"import_copy_{key}")
    move = st.toggle(
        "Move patients of two splits to where most of their images are",
        key=f"import_move_{key}",
        help="Else such patients stop the import: a model would know who it is judged on.",
    )
    check = st.toggle(
        "Open every image: leave damaged ones out, find equal ones",
        value=True,
        key=f"import_check_{key}",
    )
    name = st.text_input("Folder for them below images", key=f"import_folder_{key}", placeholder=import_files.path.stem)
    labels_only = st.toggle(
        PAGE_NAMES["--labels-only"],
        key=f"import_labels_only_{key}",
        help="Counts, metrics and predictions work; pages show no image until its file is put where the dry run says.",
    )
    drawn = parse_shares(shares) if shares else None
    return ImportOptions(copy, check, move, drawn, held_out or None, name or "", labels_only)


def _preview(source: Source, previews: Sequence[Preview], import_files: ImportFiles, by_rules: bool) -> None:
    st.subheader("As it is read", anchor=False)
    st.markdown(f"**{counted(len(source.rows), 'image')}** listed: {plain(source.layout)}.")
    st.caption(
        "\n".join(f"{plain(with_page_names(import_files.without_server_path(one)))}  " for one in source.told)
        or "Nothing had to be guessed."
    )
    if by_rules:
        counts = [{"label": label or "no rule holds", "images": n} for label, n in label_counts(source)]
        st.dataframe(pd.DataFrame(counts), hide_index=True, key=f"import_ruled_{import_files.key}", lazy=False)
    rows = [
        {
            "image": one.thumbnail or None,
            "file": one.row.file,
            **dict(zip(source.levels, one.row.labels, strict=True)),
            "patient": one.row.patient_id,
            "split": SPLIT_NAMES[one.row.split],
            "problem": import_files.without_server_path(one.problem),
        }
        for one in previews
    ]
    table = pd.DataFrame(rows)
    if not any(table["problem"]):
        table = table.drop(columns="problem")
    st.dataframe(
        table,
        hide_index=True,
        key=f"import_preview_{import_files.key}",
        lazy=False,
        row_height=64,
        column_config={"image": st.column_config.ImageColumn("")},
    )
    st.caption("The first image of each label.")


def _dry_run(desk: Desk, import_files: ImportFiles, reading: ReadOptions, options: ImportOptions) -> None:
    asked, workspace = (import_files.key, reading, options), desk.workspace

    def start() -> None:
        def work(tell: ProgressCallback) -> ImportPlan:
            return plan_import(workspace, import_files.source(reading), options, tell)

        state.put(_PLAN, (asked, Job(work)))

    planned = state.get(_PLAN)
    st.button(
        "Dry run",
        key="import_dry",
        type="secondary" if planned and planned[0] == asked else "primary",
        icon=":material/checklist:",
        on_click=start,
    )
    st.caption("Says what would be written, and writes nothing.")
    if planned is None or planned[0][0] != import_files.key:
        return
    job: Job[ImportPlan] = planned[1]
    if planned[0] != asked:
        st.info("Something was chosen anew since the last dry run; do it again to see what would be written.")
    elif job.running:
        watch_job(job, "Looking at images", "images", "import_dry_cancel")
    elif job.error:
        st.error(plain(with_page_names(import_files.without_server_path(job.error))))
    elif job.result is None:
        st.info("Cancelled; nothing was written.")
    else:
        _planned(job.result, import_files)


def _planned(plan: ImportPlan, import_files: ImportFiles) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("What would be written", anchor=False)
        st.code(
            with_page_names(import_files.without_server_path("\n".join(plan_words(plan)))),
            language=None,
            wrap_lines=True,
        )
    with right:
        st.subheader("Counts", anchor=False)
        splits = splits_of(DataSet(plan.space, plan.records))
        rows = [
            {"label": one.name, "images": one.n_images, "patients": one.n_patients}
            | {SPLIT_NAMES[split]: one.images.get(split, 0) for split in splits}
            for one in planned_groups(plan)
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="import_counts", lazy=False)

    def start() -> None:
        def work(tell: ProgressCallback) -> Workspace:
            stored = import_images(plan, tell)
            import_files.close()
            return stored

        if not ((other := jobs().get(_STORE)) and other.running):
            state.put(_STORE, jobs().start(_STORE, work))

    st.button(
        f"Import {counted(len(plan.records), 'image')}",
        key="import_do",
        type="primary",
        icon=":material/download:",
        on_click=start,
    )


def _storing(import_files: ImportFiles) -> bool:
    """Show an import that runs or has ended; returns whether it still runs."""
    job: Job[Workspace] | None = state.get(_STORE)
    if job is None:
        return False
    if job.running:
        watch_job(job, "Importing", "images", "import_do_cancel")
        return True
    state.pop(_STORE)
    if job.error:
        st.error(plain(with_page_names(import_files.without_server_path(job.error))))
    elif job.result is None:
        st.info("Cancelled; everything that had been written was taken back.")
    else:
        planned = state.pop(_PLAN)
        taking.finish_import(f"{counted(len(planned[1].result.records), 'image')} imported from {import_files.name}.")
        st.rerun()
    return False
