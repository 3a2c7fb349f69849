"""Form for the preprocessing of an external model, prefilled from its file, with sample images."""

import streamlit as st

from dashboard.importing.checkpoint import samples
from dashboard.importing.checkpoint_metadata import CheckpointMetadata, comma_separated
from dashboard.importing.checks import as_numbers, as_size
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import state
from dashboard.words import plain
from model_zoo.core.errors import TaxoScopeError
from model_zoo.images.decoding import MIN_CROP_SHARE, Fit, Interpolation, Preprocessing

Scale = tuple[float, tuple[float, ...], tuple[float, ...], bool]
"""The value range, mean and std, and whether each image is brought to mean 0 and std 1 instead."""

_TOLD = " (prefilled: the file says so)"
_FITS = {
    Fit.STRETCH: "stretched",
    Fit.CROP: "shorter side to size, centre cut out",
    Fit.PAD: "longer side to size, black borders",
}
_SCALES = {
    "ImageNet: subtract 0.485, 0.456, 0.406, divide by 0.229, 0.224, 0.225": (
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
    ),
    "subtract 0.5, divide by 0.5": ((0.5,), (0.5,)),
    "nothing": ((0.0,), (1.0,)),
}
_PER_IMAGE, _OWN = "each image to mean 0 and std 1", "other numbers"


def preprocessing_form(said: CheckpointMetadata, n_channels: int | None, key: str, part: str) -> Preprocessing | None:
    """The preprocessing; None while a setting is missing.

    Fields are prefilled only from the file's metadata or, for ``n_channels``, its weights.
    """
    size, fit, crop_share = _fitted(said, key)
    interpolation, channels, bgr = _read(said, n_channels, key, part)
    try:
        scale = _scaled(said, key)
        if not (size and fit and interpolation and channels and scale):
            return None
        value_range, mean, std, per_image = scale
        mean, std = (one * channels if len(one) == 1 else one for one in (mean, std))
        shape = channels, as_size(size), fit, interpolation, 1
        return Preprocessing(*shape, value_range, mean, std, crop_share, bgr, per_image)
    except TaxoScopeError as error:
        st.error(plain(str(error)))
        return None


def _fitted(said: CheckpointMetadata, key: str) -> tuple[str, Fit | None, float]:
    sides = st.columns(2)
    size = sides[0].text_input(
        f"Size{_TOLD if said.size else ''}",
        key=state.init_widget(f"import_size_{key}", said.size or ""),
        placeholder="224, or 224x320 (height x width)",
    )
    fit = sides[1].selectbox(
        f"How images become that size{_TOLD if said.fit else ''}",
        list(Fit),
        index=list(Fit).index(said.fit) if said.fit else None,
        key=f"import_fit_{key}",
        format_func=lambda one: _FITS[one],
        placeholder="Choose",
    )
    if fit is not Fit.CROP:
        return size, fit, 1.0
    crop_share = st.number_input(
        f"Of the crop only the inner share is kept{_TOLD if said.crop_share else ''}",
        min_value=MIN_CROP_SHARE,
        max_value=1.0,
        value=said.crop_share or 1.0,
        step=0.005,
        format="%.4g",
        key=f"import_crop_share_{key}",
    )
    return size, fit, crop_share


def _read(
    said: CheckpointMetadata, n_channels: int | None, key: str, part: str
) -> tuple[Interpolation | None, int | None, bool]:
    """Interpolation, number of channels, and BGR order."""
    sides, ways = st.columns(2), list(Interpolation)
    interpolation = sides[0].selectbox(
        f"Interpolation{_TOLD if said.interpolation else ''}",
        ways,
        index=ways.index(said.interpolation) if said.interpolation else None,
        key=f"import_interpolation_{key}",
        placeholder="Choose",
    )
    channels = sides[1].selectbox(
        "Channels" + (" (prefilled: its weights)" if n_channels else ""),
        [1, 3],
        index=[1, 3].index(n_channels) if n_channels else None,
        key=f"import_channels_{key}_{part}",
        format_func={1: "1, grey", 3: "3, colour"}.__getitem__,
        placeholder="Choose",
    )
    bgr = channels == 3 and st.toggle("Blue comes first, as OpenCV reads images", key=f"import_bgr_{key}")
    return interpolation, channels, bgr


def _scaled(said: CheckpointMetadata, key: str) -> Scale | None:
    """Scaling and normalization of pixel values; `RunError` for unreadable numbers."""
    scales: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = dict(_SCALES)
    if said.mean and said.std:
        taken, by = (comma_separated(one).replace(",", ", ") for one in (said.mean, said.std))
        scales = {f"as the file says: subtract {taken}, divide by {by}": (said.mean, said.std), **_SCALES}
    is_told = len(scales) > len(_SCALES)
    sides = st.columns(2)
    value_range = sides[0].selectbox(
        "Pixels run from 0 to", [1.0, 255.0], index=None, key=f"import_range_{key}", format_func="{:g}".format,
        placeholder="Choose",
    )  # fmt: skip
    scale = sides[1].selectbox(
        f"Then{_TOLD if is_told else ''}",
        [*scales, _PER_IMAGE, _OWN],
        index=0 if is_told else None,
        key=f"import_scale_{key}",
        placeholder="Choose what is subtracted",
    )
    if scale == _PER_IMAGE:
        return 1.0, (0.0,), (1.0,), True
    mean, std = scales.get(scale or "", ((), ()))
    if scale == _OWN:
        own = st.columns(2)
        texts = [
            own[0].text_input("Subtracted, one per channel", key=f"import_mean_{key}", placeholder="0.485,0.456,0.406"),
            own[1].text_input("Divided by, one per channel", key=f"import_std_{key}", placeholder="0.229,0.224,0.225"),
        ]
        mean, std = (as_numbers(text) if all(texts) else () for text in texts)
    return (value_range, mean, std, False) if value_range and mean and std else None


def preprocessed_samples(desk: Desk, prepared: Preprocessing | None) -> None:
    """Show some images, and below each its preprocessed version."""
    st.subheader("Images as the model would get them", anchor=False)
    if prepared is None:
        st.caption(
            "They show here once size, channels and numbers are known: compare them with what it was trained on."
        )
        return
    found = samples(desk, prepared)
    for column, one in zip(st.columns(max(1, len(found))), found, strict=False):
        column.caption(plain(one.image_id))
        column.image(one.before, width="stretch")
        column.image(one.after, width="stretch")
        column.caption(f"{one.low:.2f} to {one.high:.2f}")
    channels, height, width = prepared.input_size
    st.caption(
        f"Above as it is, below as the model gets it: {channels} × {height} × {width} numbers each, and under it the "
        "least and the greatest of them."
    )
