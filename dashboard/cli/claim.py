"""`taxoscope claim`: what published accuracies alone can say."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from model_zoo.core.errors import TaxoScopeError

console = Console(highlight=False, markup=False)


def claim(
    new: Annotated[str, typer.Argument(help="Accuracy of the new model as published, such as 0.958 or 95.8%.")],
    old: Annotated[str, typer.Argument(help="Accuracy of the old model, as published.")],
    images: Annotated[int, typer.Option(help="Images in the test set.", min=1)],
    images_old: Annotated[
        int | None, typer.Option(help="Images in the old model's own test set, if that was another one.", min=1)
    ] = None,
    both_correct: Annotated[
        int | None, typer.Option(help="Images that both models have correct, if published.", min=0)
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Classes of the new model, separated by commas, or their number.")
    ] = None,
    classes_old: Annotated[str | None, typer.Option(help="Classes of the old model, likewise.")] = None,
    mapping: Annotated[
        Path | None, typer.Option(help='JSON file: coarse class -> its finer classes, {"animal": ["cat", "dog"]}.')
    ] = None,
    margin: Annotated[float, typer.Option(help="Difference that counts as none, as a share.")] = 0.01,
    as_json: Annotated[bool, typer.Option("--json", help="Print numbers as JSON.")] = False,
) -> None:
    """Say which results can be true, and how probably a claimed gain is false, from published accuracies alone."""
    from dataclasses import asdict

    from dashboard.compare.claim_words import claim_sentences
    from model_zoo.core.comparison.claim import assess, published
    from model_zoo.core.comparison.claim_inputs import class_sets, read_accuracy

    apart = images_old is not None
    sets = class_sets(_class_set(classes), _class_set(classes_old), _mapping(mapping))
    (value, decimals), (value_old, decimals_old) = read_accuracy(new), read_accuracy(old)
    found = assess(
        published(value, images, decimals),
        published(value_old, images_old or images, decimals_old),
        margin,
        classes=sets,
        one_test_set=not apart,
        n_both_correct=both_correct,
    )
    if as_json:
        console.print(
            json.dumps({key: None if one != one else one for key, one in asdict(found).items()}), soft_wrap=True
        )
        return
    for line in claim_sentences(found):
        console.print(line, soft_wrap=True)


def _class_set(text: str | None) -> list[str] | int | None:
    from dashboard.importing.checks import read_class_names

    if text is None:
        return None
    return int(text) if text.strip().isdigit() else list(read_class_names(text))


def _mapping(path: Path | None) -> dict[str, list[str]] | None:
    if path is None:
        return None
    try:
        if path.stat().st_size > 2**20:
            raise TaxoScopeError(f"{path} is larger than 1 MiB; a mapping lists classes alone.")
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TaxoScopeError(f"The mapping {path} cannot be read ({error}); give a JSON file.") from error
    fine = (
        isinstance(values, dict)
        and values
        and all(
            isinstance(inside, list) and inside and all(isinstance(one, str) for one in inside)
            for inside in values.values()
        )
    )
    if not fine:
        raise TaxoScopeError(f'The mapping {path} must hold lists of classes, {{"animal": ["cat", "dog"]}}.')
    return dict(values)
