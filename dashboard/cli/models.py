"""`taxoscope import-run`, `import-predictions`, `import-confusion`: what was made elsewhere becomes a run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from dashboard.importing.checks import as_numbers, as_size, read_class_names
from dashboard.settings import Settings
from model_zoo.core.errors import RunError
from model_zoo.core.extras import require
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import Fit, Interpolation, Preprocessing
from model_zoo.importing.class_values import ClassValues
from model_zoo.workspace.workspace import Workspace

if TYPE_CHECKING:
    from model_zoo.checkpoints.trusted_code import TrustedCode

commands = typer.Typer()
console = Console(highlight=False, markup=False)

WorkspaceOption = Annotated[
    Path | None, typer.Option("--workspace", help="Folder of a workspace; without it, the demo.", show_default=False)
]


@commands.command("import-run")
def import_run(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="safetensors, a state_dict of torch.save, ONNX, Keras; or a folder or zip of such.")
    ],
    name: Annotated[str | None, typer.Option(help="Name of the new run.")] = None,
    taxonomy: Annotated[str | None, typer.Option(help="Taxonomy that it was trained on.")] = None,
    architecture: Annotated[
        str | None, typer.Option(help="A timm architecture, or torchvision.NAME; without it, what fits is listed.")
    ] = None,
    architecture_file: Annotated[
        Path | None,
        typer.Option(help="Python file that builds the model, instead of --architecture. It is RUN, with your rights."),
    ] = None,
    size: Annotated[str | None, typer.Option(help="Input size: 224, or 224x320 (height x width).")] = None,
    fit: Annotated[Fit | None, typer.Option(help="How images become that size.")] = None,
    channels: Annotated[int | None, typer.Option(help="1 (grey) or 3 (RGB).")] = None,
    mean: Annotated[str | None, typer.Option(help="Subtracted, one per channel, such as 0.485,0.456,0.406.")] = None,
    std: Annotated[str | None, typer.Option(help="Divided by, one per channel.")] = None,
    value_range: Annotated[float, typer.Option(help="Pixels run from 0 to this before mean and std: 1 or 255.")] = 1.0,
    crop_share: Annotated[
        float | None,
        typer.Option(help="Inner share of a crop, 0.875 for resize 256, crop 224; default: the file's word, else 1."),
    ] = None,
    bgr: Annotated[bool, typer.Option("--bgr", help="The model takes blue first, as OpenCV reads images.")] = False,
    per_image: Annotated[
        bool,
        typer.Option("--per-image", help="Each image to mean 0, std 1; --mean and --std, if given, are applied after."),
    ] = False,
    interpolation: Annotated[
        Interpolation | None,
        typer.Option(help="How pixels are resampled; default: the file's word, else bilinear."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Classes in the order of the outputs, such as a,b,c; default: the file's order, else the taxonomy's."
        ),
    ] = None,
    weights: Annotated[str, typer.Option(help="Which weights, where the file holds several.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "not known",
    workspace: WorkspaceOption = None,
) -> None:
    """Import weights that were trained elsewhere; nothing in the file is run, and nothing is written until it works."""
    require("models", "The import of a model")
    from dashboard.importing import checkpoint_command as importing
    from dashboard.importing.checkpoint_metadata import contradictions, read_metadata
    from model_zoo.checkpoints.model_file import read_model
    from model_zoo.checkpoints.read import Checkpoint
    from model_zoo.importing.models import Declaration

    opened, checkpoint = _open(workspace), read_model(file)
    code = _own_code(architecture, architecture_file)
    own = code is not None and code.prepares
    if own or per_image:
        if own and code and (mean or std or per_image):
            raise RunError(f"{code.name} prepares pixels itself; leave out --mean, --std and --per-image.")
        mean, std = (given or ",".join([one] * (channels or 1)) for given, one in ((mean, "0"), (std, "1")))
        value_range = 255.0 if own else 1.0
    given_by_file = "" if isinstance(checkpoint, Checkpoint) else checkpoint.architecture
    if given_by_file and (architecture or code):
        raise RunError(f"{checkpoint.name} is a model with its architecture; leave out --architecture.")
    made = given_by_file or (code.name if code else architecture)
    said = read_metadata(checkpoint)
    needed = {
        **{"--name": name, "--taxonomy": taxonomy, "--architecture": made, "--size": size, "--fit": fit},
        **{"--channels": channels, "--mean": mean, "--std": std},
    }
    if (name is None or taxonomy is None or made is None or size is None) or (
        fit is None or channels is None or mean is None or std is None
    ):
        known = importing.describe(checkpoint, weights, console, has_code=code is not None)
        missing = [option for option, one in needed.items() if one is None]
        console.print("Next, with your own words for those in capitals:")
        console.print(importing.next_command(file, _given(context), missing, known, said, opened), soft_wrap=True)
        raise RunError(f"Nothing was imported: give {', '.join(missing)} as well, as the model was trained.")
    interpolation, crop_share = importing.settings_from_file(interpolation, crop_share, fit, said, console)
    chosen = opened.taxonomy(taxonomy)
    prepared = Preprocessing(
        channels=channels,
        size=as_size(size),
        fit=fit,
        interpolation=interpolation,
        value_range=value_range,
        mean=as_numbers(mean, "--mean"),
        std=as_numbers(std, "--std"),
        crop_share=crop_share,
        bgr=bgr,
        per_image=per_image,
    )
    for sentence in contradictions(said, prepared, values=not own):
        console.print(sentence, style="yellow", soft_wrap=True)
    order = parse_classes(classes, chosen) if classes else importing.order_in_file(checkpoint, chosen, console)
    declared = Declaration(name, made, chosen, order, prepared, licence, weights, code)
    try:
        importing.import_run(opened, checkpoint, declared, console)
    except KeyboardInterrupt:
        there = (opened.writable / "runs" / name).is_dir()
        console.print(f"Stopped. Run {name!r} was {'written whole' if there else 'not written'}.", style="yellow")
        sys.exit(130)


@commands.command("import-predictions")
def import_predictions(
    file: Annotated[
        Path, typer.Argument(help="CSV, Parquet, JSON, NPZ or NPY: probabilities by class, or labels alone.")
    ],
    name: Annotated[str, typer.Option(help="Name of the new run.")],
    taxonomy: Annotated[str, typer.Option(help="Taxonomy whose classes are answered.")],
    classes: Annotated[
        str | None,
        typer.Option(help="Classes in the order of columns without names, or of numbers; default: the taxonomy's."),
    ] = None,
    split: Annotated[
        Split | None, typer.Option(help="Whose images the rows are, in the manifest's order, where none are named.")
    ] = None,
    prediction_column: Annotated[
        str,
        typer.Option(help="Column, array or set of columns (prob_*) of the predictions; default: by its name."),
    ] = "",
    prediction_values: Annotated[
        ClassValues | None,
        typer.Option(help="How the file writes classes; default: the only way in which all of its values are classes."),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the predictions.")] = "not known",
    encoding: Annotated[str, typer.Option(help="Encoding of its text; default: UTF-8, or Korean CP949.")] = "",
    workspace: WorkspaceOption = None,
) -> None:
    """Import what some model said of the images here, without the model."""
    from dashboard.importing.predictions_command import import_predictions as importing

    opened = _open(workspace)
    chosen = opened.taxonomy(taxonomy)
    order = parse_classes(classes, chosen)
    importing(
        opened, file, name, chosen, order, split, licence, console, prediction_column, prediction_values, encoding
    )


@commands.command("import-confusion")
def import_confusion(
    table: Annotated[Path, typer.Argument(help="CSV, Parquet or JSON: how often which label was answered.")],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the new workspace; not there yet, or empty.")
    ],
    run: Annotated[str | None, typer.Option(help="Name of the run; default: the file's.")] = None,
    true: Annotated[str, typer.Option(help="Column of the true label, in a table of pairs.")] = "",
    predicted: Annotated[str, typer.Option(help="Column of the answer.")] = "",
    count: Annotated[str, typer.Option(help="Column of how often.")] = "",
    columns_are_true: Annotated[
        bool, typer.Option("--columns-are-true", help="In a square table columns, not rows, are the true labels.")
    ] = False,
    licence: Annotated[str, typer.Option(help="Licence of the table.")] = "not known",
    encoding: Annotated[str, typer.Option(help="Encoding of its text; default: UTF-8, or Korean CP949.")] = "",
) -> None:
    """Make a workspace of a confusion table alone, without model or images."""
    from dashboard.importing.confusion_table_command import import_confusion as importing
    from model_zoo.importing.confusion_tables import CountColumns

    importing(table, folder, run, CountColumns(true, predicted, count), columns_are_true, licence, console, encoding)


def _given(context: typer.Context) -> dict[str, str]:
    """The options that were typed, but for the workspace, with what was typed after them; '' after a flag."""
    given = {}
    for one in context.command.params:
        name = one.name or ""
        source = context.get_parameter_source(name)
        if one.param_type_name == "option" and name != "workspace" and source and source.name == "COMMANDLINE":
            value = context.params[name]
            given[one.opts[0]] = "" if isinstance(value, bool) else str(value)
    return given


def _own_code(architecture: str | None, path: Path | None) -> "TrustedCode | None":
    from model_zoo.checkpoints.trusted_code import read_code

    if path is None:
        return None
    if architecture is not None:
        raise RunError("Give --architecture or --architecture-file, not both.")
    code = read_code(path)
    console.print(
        f"Warning: {code.name} is run as it is, with all your rights on this machine; it is copied into the run, where "
        "it is run again only with --trust-code.",
        style="yellow",
        soft_wrap=True,
    )
    return code


def parse_classes(text: str | None, taxonomy: Taxonomy) -> tuple[str, ...]:
    """``a,b,"c, d"`` as the classes of ``taxonomy`` in that order; its own without a text; `RunError` for others."""
    order = read_class_names(text) if text else taxonomy.names
    if sorted(order) != sorted(taxonomy.names):
        raise RunError(
            f"The classes {', '.join(order)[:300]} are not those of taxonomy {taxonomy.name!r} "
            f"({', '.join(taxonomy.names)[:300]}); name each of them once, in the order of the outputs."
        )
    return order


def _open(workspace: Path | None) -> Workspace:
    return Workspace.open(workspace) if workspace else Settings().open_workspace()
