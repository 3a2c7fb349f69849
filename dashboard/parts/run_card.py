"""A run's card and its training curves."""

import pandas as pd
import streamlit as st

from dashboard import charts
from model_zoo.run import Card, Run


def card(card: Card) -> None:
    """What the run is, in two tables."""
    left, right = st.columns(2)
    size = " × ".join(str(side) for side in card.preprocessing.input_size)
    prepared = card.preprocessing
    made = [
        ("taxonomy", f"{card.taxonomy.name} v{card.taxonomy.version} ({card.taxonomy.hash})"),
        ("classes", f"{len(card.classes)}: {', '.join(card.classes)}"),
        ("architecture", f"{card.architecture}, {card.n_parameters:,} parameters"),
        ("input", f"{size} (channels × height × width)"),
        ("preparation", f"{prepared.fit} to {prepared.size[0]} × {prepared.size[1]}, max-pool {prepared.pool}"),
        ("normalised", f"0..{prepared.value_range:g}, mean {prepared.mean}, std {prepared.std}"),
    ]
    how = [
        ("seed", str(card.seed)),
        ("trained (UTC)", card.created.replace("T", " ").removesuffix("+00:00")),
        ("duration", f"{card.duration_s:.0f} s on {card.processor}"),
        ("training images", f"{card.n_train_images:,}"),
        ("recipe", ", ".join(f"{name} {value}" for name, value in card.recipe.items())),
        ("epochs", card.epochs_chosen),
        ("data", ", ".join(f"{split} {digest}" for split, digest in card.data_hash.items())),
        ("versions", ", ".join(f"{name} {version}" for name, version in card.versions.items())),
        ("weights", f"sha256 {card.weights_sha256[:16]}…" if card.weights_sha256 else "none"),
        ("licence", card.licence),
    ]
    left.table(pd.DataFrame(made, columns=["model", ""]).set_index("model"))
    right.table(pd.DataFrame(how, columns=["training", ""]).set_index("training"))


def curves(run: Run, look: charts.Look) -> None:
    """Loss and accuracy by epoch."""
    history = run.history()
    if not history:
        st.info("No history was kept for this run.")
        return
    left, right = st.columns(2)
    both = [("validation", history)]
    left.caption("Mean cross-entropy on the validation split, nats")
    left.plotly_chart(
        charts.history_figure(both, "validation_loss", "validation loss", look),
        key="run_loss",
        theme=None,
        config={"displayModeBar": False},
    )
    right.caption(f"Accuracy on the validation split, classes of {run.card.taxonomy.name}")
    right.plotly_chart(
        charts.history_figure(both, "validation_accuracy", "accuracy", look),
        key="run_accuracy",
        theme=None,
        config={"displayModeBar": False},
    )
