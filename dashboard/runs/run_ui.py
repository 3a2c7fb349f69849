"""Sections of the page of a run: model card and training curves."""

import pandas as pd
import streamlit as st

from dashboard.evaluation.preprocessing_words import forward_words
from dashboard.ui import plots
from dashboard.ui.charts import chart
from dashboard.words import counted, fit_words, images_of_patients, plain, scale_words
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.manifest import DataSet
from model_zoo.workspace.run import Card, Run


def card(card: Card) -> None:
    """The model card in two tables."""
    left, right = st.columns(2)
    made = [
        ("taxonomy", f"{card.taxonomy.name} v{card.taxonomy.version} ({card.taxonomy.hash})"),
        ("classes", f"{len(card.classes)}: {plain(', '.join(card.classes))}"),
        *_model(card),
    ]
    how = [
        ("seed", str(card.seed)),
        ("trained (UTC)", card.created.replace("T", " ").removesuffix("+00:00")),
        ("duration", f"{card.duration_s:.0f} s on {card.processor}"),
        ("training images", f"{card.n_train_images:,}"),
        ("training labels", trained_on(card)),
        ("recipe", plain(", ".join(f"{name} {value}" for name, value in card.recipe.items()))),
        ("epochs", card.epochs_chosen),
        ("data", ", ".join(f"{split} {digest}" for split, digest in card.data_hash.items())),
        ("versions", ", ".join(f"{name} {version}" for name, version in card.versions.items())),
        ("weights", f"sha256 {card.weights_sha256[:16]}…" if card.weights_sha256 else "none"),
        ("licence", card.licence),
    ]
    if card.is_imported:
        unknown = {"seed": "–", "duration": "–", "training images": "–", "training labels": "–"}
        how = [(name.replace("trained (UTC)", "imported (UTC)"), unknown.get(name, text)) for name, text in how]
    left.table(pd.DataFrame(made, columns=["model", ""]).set_index("model"))
    right.table(pd.DataFrame(how, columns=["training", ""]).set_index("training"))
    if unproven := forward_words(card):
        st.caption(plain(unproven))


def _model(card: Card) -> list[tuple[str, str]]:
    if card.preprocessing is None:
        return [("architecture", f"– no model: {plain(str(card.recipe.get('predictions', 'predictions')))} imported")]
    prepared = card.preprocessing
    return [
        ("architecture", f"{plain(card.architecture)}, {card.n_parameters:,} parameters{trusted_code(card)}"),
        ("input", f"{' × '.join(map(str, prepared.input_size))} (channels × height × width)"),
        ("preparation", f"{fit_words(prepared)} to {prepared.size[0]} × {prepared.size[1]}, max-pool {prepared.pool}"),
        ("normalised", f"{scale_words(prepared)}{', blue first' if prepared.bgr else ''}"),
    ]


def trusted_code(card: Card) -> str:
    """A note if the model contains its own code."""
    return f", its own code (sha256 {plain(card.code['sha256'][:16])}…)" if card.code else ""


def trained_on(card: Card) -> str:
    """A note on the source of the training labels."""
    if not card.label_set:
        return "the manifest's"
    return f"label set {plain(card.label_set['name'])} (sha256 {plain(card.label_set['sha256'][:16])}…)"


def curves(run: Run, dataset: DataSet, theme: plots.Theme) -> None:
    """Loss and accuracy by epoch."""
    history = run.history()
    if not history:
        st.info("No history was kept for this run.")
        return
    images = dataset.split(Split.VALIDATION)
    patients = len({image.patient_id or image.image_id for image in images})
    basis = f"{images_of_patients(len(images), patients)}, original labels"
    left, right = st.columns(2)
    left.caption(
        f"Mean cross-entropy, nats. Validation: {basis}. Training: {counted(run.card.n_train_images, 'image')}, "
        "moved a little each time and seen while the weights changed."
    )
    losses = {"validation": "validation_loss", "training": "train_loss"}
    with left:
        chart(plots.training_curves_figure(history, losses, "loss", theme), "run_loss")
    right.caption(f"Accuracy in the classes of {plain(run.card.taxonomy.reference)}. Validation: {basis}.")
    accuracies = {"validation": "validation_accuracy"}
    with right:
        chart(plots.training_curves_figure(history, accuracies, "accuracy", theme), "run_accuracy")
