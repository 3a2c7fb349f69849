"""`taxoscope ...`: serve the dashboard, train, list runs, find out what they look at."""

import json
import os
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dashboard.address.links import filter_of, images_words
from dashboard.address.selection import Labels, Space
from dashboard.cli import claim as cli_claim
from dashboard.cli import data as cli_data
from dashboard.cli import labels as cli_labels
from dashboard.cli import models, upkeep
from dashboard.settings import Settings
from model_zoo.core.errors import LinkError, TaxoScopeError, WorkspaceError
from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.core.label_space.splits import Split
from model_zoo.untrusted.limits import limits
from model_zoo.workspace.workspace import Workspace

commands = typer.Typer(
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    help="Compare image classifiers whose label spaces differ; see, explain and relabel the images behind a number.",
)
commands.add_typer(cli_labels.commands, name="labels")
commands.command()(cli_data.init)
commands.command("import-data")(cli_data.import_data)
commands.command("look-alike")(cli_data.look_alike)
commands.add_typer(models.commands)
commands.command()(upkeep.doctor)
commands.command()(upkeep.backup)
commands.command()(upkeep.restore)
commands.command()(cli_claim.claim)
console = Console(highlight=False, markup=False)  # names come from files and may hold brackets

WorkspaceOption = Annotated[
    Path | None, typer.Option("--workspace", help="Folder of a workspace; without it, the demo.", show_default=False)
]

TrustOption = Annotated[
    list[str] | None,
    typer.Option("--trust-code", metavar="RUN", help="Run the Python code that this run brought; may be repeated."),
]


_OF_ALL_COMMANDS = ("--help", "--install-completion", "--show-completion")


def main() -> None:
    """Entry point: no command means `serve`; an error that the user can mend is one sentence."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _OF_ALL_COMMANDS):
        arguments = ["serve", *arguments]
    try:
        limits()  # a limit that cannot be read is said before anything begins
        commands(arguments, prog_name="taxoscope")
    except TaxoScopeError as error:
        console.print(str(error), style="red")
        sys.exit(1)


@commands.command()
def serve(
    workspace: WorkspaceOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; a free one is taken if it is in use.", min=0, max=65535)] = 8501,
    browser: Annotated[bool, typer.Option(help="Open the dashboard in a browser.")] = True,
    trust_code: TrustOption = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Another name under which browsers may ask for this server, as behind a proxy; may be repeated. "
            "Names of this machine are always allowed.",
        ),
    ] = None,
) -> None:
    """Serve the dashboard (also what `taxoscope` alone does)."""
    from dashboard import server
    from dashboard.guards import host_name

    _trust(trust_code)
    names = [host_name(name) for name in allow_host or Settings().allowed_hosts]
    os.environ["TAXOSCOPE_ALLOW_HOST"] = ",".join(names)
    if workspace is not None:
        os.environ["TAXOSCOPE_WORKSPACE"] = str(workspace.resolve())
    opened = Settings().open_workspace()
    if not server.is_loopback(host):
        console.print(
            f"Warning: anyone who can reach {host} can read and relabel everything here; there is no sign-in.",
            style="yellow",
        )
    free = _free_port(host, port)
    if free != port:
        console.print(f"Port {port} is taken; using {free}.")
    console.print(f"Workspace: {opened.name}; what you decide is kept in {opened.writable}", soft_wrap=True)
    server.serve(
        host, free, lambda address: console.print(f"TaxoScope is ready: {address}  (Ctrl-C stops it)"), browser
    )
    console.print("Stopped. Everything that was saved is kept.")
    sys.stdout.flush()
    os._exit(0)  # torch's extensions print pages about their own leaks when Python takes them down


@commands.command()
def runs(workspace: WorkspaceOption = None, as_json: upkeep.JsonOption = False) -> None:
    """List the trained runs of a workspace."""
    from dashboard.cli.terminal_tables import list_runs, runs_table

    if as_json:
        print(json.dumps(asdict(list_runs(_open(workspace))), indent=1))
    else:
        console.print(runs_table(_open(workspace)))


@commands.command()
def train(
    taxonomy: Annotated[str, typer.Option(help="Taxonomy to train on: its newest version, or that of NAME.v1.")],
    seeds: Annotated[str, typer.Option(help="Seeds, such as 0, 0-7 or 1,4,9.")] = "0",
    workspace: WorkspaceOption = None,
    architecture: Annotated[str | None, typer.Option(help="Any timm architecture; default: the recipe's.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs; default: the recipe's.", min=1)] = None,
    class_weighted: Annotated[bool, typer.Option("--class-weighted", help="Let every class count the same.")] = False,
    labels: Annotated[str | None, typer.Option(help="Label set to learn from; default: the manifest's labels.")] = None,
) -> None:
    """Train one run per seed and write each below the workspace's runs folder."""
    from dashboard.runs.train import train_seeds

    try:
        train_seeds(
            _open(workspace), taxonomy, parse_seeds(seeds), console, architecture, epochs, class_weighted, labels
        )
    except KeyboardInterrupt:
        console.print("Stopped; the unfinished run left nothing behind.", style="yellow")
        sys.exit(130)


@commands.command("learn-curve")
def learn_curve(
    subject: Annotated[str, typer.Argument(help="Run or series; a taxonomy's name where it has one series.")],
    class_name: Annotated[str, typer.Argument(metavar="CLASS", help="The class whose images are varied.")],
    percents: Annotated[str, typer.Option(help="Shares of its training images, in percent.")] = "25,50",
    seeds: Annotated[str, typer.Option(help="Seeds, such as 0, 0-7 or 1,4,9.")] = "0-2",
    workspace: WorkspaceOption = None,
) -> None:
    """Train again with fewer images of one class and everything else as it was: what are more of them worth?"""
    from dashboard.runs.train import train_learning_curve

    try:
        train_learning_curve(
            _open(workspace), subject, class_name, parse_percents(percents), parse_seeds(seeds), console
        )
    except KeyboardInterrupt:
        console.print("Stopped; finished points are kept, and the same command goes on from there.", style="yellow")
        sys.exit(130)


@commands.command()
def predict(
    run: Annotated[str, typer.Argument(help="Name of a run, as `taxoscope runs` lists it.")],
    data: Annotated[
        Path | None, typer.Argument(help="A workspace, or a folder of images, to ask the run about.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write, .parquet or .csv; default: the run's name, here.")
    ] = None,
    cross_fit: Annotated[
        int | None,
        typer.Option(
            help="Instead of DATA: judge every training image by a model that never saw its patient; N folds.", min=2
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    trust_code: TrustOption = None,
) -> None:
    """Ask a run about a data set or a folder of images; the same command goes on where it was stopped."""
    from dashboard.runs.predict import predict_to_file
    from dashboard.runs.train import cross_fit_run

    if (data is None) == (cross_fit is None):
        raise WorkspaceError("Give what to predict: a workspace or a folder of images, or --cross-fit 5.")
    _trust(trust_code)
    kept = "whole folds" if cross_fit else "finished batches"
    try:
        if cross_fit is not None:
            cross_fit_run(_open(workspace), run, cross_fit, console)
        if data is not None:
            predict_to_file(_open(workspace), run, data, out or Path(f"{run}.parquet"), console)
    except KeyboardInterrupt:
        console.print(f"Stopped; {kept} are kept, and the same command goes on from there.", style="yellow")
        sys.exit(130)


@commands.command()
def compare(
    subjects: Annotated[list[str], typer.Argument(help="Runs or series; a taxonomy's name where it has one series.")],
    report: Annotated[
        Path | None, typer.Option(help="Page to write as well; its numbers go beside it as .csv and .json.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="The one of them that all others are compared with; default: the first.")
    ] = None,
    split: Annotated[Split, typer.Option(help="Test for a verdict, validation to choose by.")] = Split.TEST,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN:VALUE",
            help="Only images with this value in a column of the manifest; LOW..HIGH in a column of numbers; "
            "label:LABEL for those of a label.",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: upkeep.JsonOption = False,
) -> None:
    """Compare models: print the results, of three or more a table against a baseline; of one what it can detect.

    With --report also write one self-contained page: results, matrices, causes, looks, example images, hashes. With
    --json print its numbers instead of sentences.
    """
    from dashboard.cli.comparison_text import printed
    from dashboard.diagnose.subjects import diagnose_all
    from dashboard.evaluation import comparison as comparing
    from dashboard.evaluation.filters import images_matching
    from dashboard.evaluation.verdict import judgements
    from dashboard.report.report import build_report, write_report
    from dashboard.server_state.open_workspace import Desk

    if report and (report.suffix != ".html" or not report.parent.is_dir()):
        raise WorkspaceError(f"Cannot write a report to {report}; give a file ending in .html in an existing folder.")
    desk = Desk(_open(workspace))
    chosen = comparing.named_subjects(desk.series(), [*([baseline] if baseline else []), *subjects])
    dataset = desk.dataset()
    named = filter_of(where) if where is not None else None
    only = images_matching(named, dataset, dataset.labels) if named else None
    judged = comparing.compare(
        chosen,
        Space.COMMON,
        split,
        Labels.ORIGINAL,
        dataset.labels,
        dataset.patients,
        where=named,
        only=only,
        alike=desk.alike(),
    )
    if not any(len(one.truth) for one in judged.evaluations):
        raise LinkError(f"No image of the {images_words(split, named)} can be judged here; name others.")
    found = judgements(judged, desk.workspace.rule)
    made = build_report(desk, judged, found, diagnose_all(desk, judged, only)) if report or as_json else None
    if made and as_json:
        print(made.json)
    else:
        for line in printed(desk, judged, found):
            console.print(line, soft_wrap=True)
    if made and report:
        for path in write_report(made, report):
            print(f"Written: {path}", file=sys.stderr if as_json else sys.stdout)


@commands.command()
def look(
    run: Annotated[str, typer.Argument(help="Name of the run.")],
    split: Annotated[Split, typer.Option(help="Images to look over; their regions must be known.")] = Split.VALIDATION,
    limit: Annotated[int | None, typer.Option(help="Look over so many images, drawn by chance.", min=1)] = None,
    method: Annotated[CamMethod, typer.Option(help="How maps are computed.")] = CamMethod.GRAD_CAM,
    together: Annotated[
        list[str] | None, typer.Option(help="Regions to take as one as well, such as a+b; may be repeated.")
    ] = None,
    workspace: WorkspaceOption = None,
    trust_code: TrustOption = None,
) -> None:
    """Measure what a run looks at: its maps against known regions, its answers with a region occluded."""
    from dashboard.runs.region_attention import measure_region_attention

    _trust(trust_code)
    try:
        measure_region_attention(_open(workspace), run, split, limit, method, together or [], console)
    except KeyboardInterrupt:
        console.print("Stopped. Nothing is left half-written; the same command starts anew.", style="yellow")
        sys.exit(130)


@commands.command()
def embed(
    run: Annotated[str, typer.Argument(help="Name of a run, as `taxoscope runs` lists it.")],
    split: Annotated[Split, typer.Option(help="Images to embed.")] = Split.VALIDATION,
    workspace: WorkspaceOption = None,
    trust_code: TrustOption = None,
) -> None:
    """Keep what a run's model makes of each image before its last layer: the ground for finding what to split."""
    from dashboard.runs.embed import embed_run

    _trust(trust_code)
    try:
        embed_run(_open(workspace), run, split, console)
    except KeyboardInterrupt:
        console.print("Stopped. Nothing is left half-written; the same command starts anew.", style="yellow")
        sys.exit(130)


def parse_seeds(text: str) -> tuple[int, ...]:
    """``0-7`` or ``1,4,9`` as seeds; `WorkspaceError` for anything else."""
    seeds: list[int] = []
    try:
        for piece in text.split(","):
            first, _, last = piece.partition("-")
            seeds += range(int(first), int(last or first) + 1)
    except ValueError:
        seeds = []
    if not seeds:
        raise WorkspaceError(f"Cannot read seeds {text!r}; write them as 0, 0-7 or 1,4,9.")
    return tuple(dict.fromkeys(seeds))


def parse_percents(text: str) -> tuple[int, ...]:
    """``25,50`` as percents between 1 and 99; `WorkspaceError` for anything else."""
    pieces = [piece.strip() for piece in text.split(",")]
    if not all(piece.isascii() and piece.isdigit() and 1 <= int(piece) <= 99 for piece in pieces):
        raise WorkspaceError(f"Cannot read shares {text!r}; write them as 25,50: percents between 1 and 99.")
    return tuple(int(piece) for piece in pieces)


def _trust(runs: list[str] | None) -> None:
    if runs:
        os.environ["TAXOSCOPE_TRUST_CODE"] = ",".join(runs)


def _open(workspace: Path | None) -> Workspace:
    return Workspace.open(workspace) if workspace else Settings().open_workspace()


def _free_port(host: str, wanted: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (wanted, 0):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except PermissionError as error:
                raise WorkspaceError(f"This account may not use port {port}; give a --port above 1023.") from error
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise WorkspaceError(f"Cannot listen on {host}; give an address of this machine with --host.")
