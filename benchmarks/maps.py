"""Time of a class activation map, against the plain forward pass and against the grad-cam package.

    uv run --no-sync python benchmarks/maps.py [--rounds 40]

One image, CPU, random weights. In each round the three ways are measured once, in an order drawn anew, so that
a drift of the machine falls on all alike; the table gives medians, and medians of the ratios within a round.
"""

import os

# Waiting threads must not spin, or they slow each other down on shared cores; read once, by libgomp.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ["GOMP_SPINCOUNT"] = "0"

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

import timm
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.inference.saliency import explain, target_layers

MODELS = {
    "test_resnet": (1, 112, 112),
    "resnet18": (3, 224, 224),
    "convnext_atto": (3, 224, 224),
    "vit_tiny_patch16_224": (3, 224, 224),
}
MOST_OF_FORWARD, LEAST_GAIN = 1.3, 2.5


def ways(name: str, size: tuple[int, int, int]) -> tuple[dict[str, Callable[[], object]], float]:
    """The ways to be timed, and the largest difference between the two maps."""
    torch.manual_seed(7)
    model: nn.Module = timm.create_model(name, in_chans=size[0], num_classes=19).eval()
    nn.init.normal_(model.get_classifier().weight, std=0.1)
    inputs = torch.randn(1, *size)
    layer = target_layers(model, size)[0].name
    columns = size[2] // 16

    def without_class_token(tokens: Tensor) -> Tensor:
        return tokens[:, 1:].reshape(1, -1, columns, tokens.shape[2]).permute(0, 3, 1, 2)

    reshape = without_class_token if name.startswith("vit") else None

    def forward() -> Tensor:
        with torch.no_grad():
            return model(inputs)

    def ours() -> object:
        return explain(model, inputs, method=CamMethod.GRAD_CAM).heat

    def prediction_then_package() -> object:
        predicted = int(forward().argmax())
        with GradCAM(model, [model.get_submodule(layer)], reshape_transform=reshape) as cam:
            return cam(inputs, [ClassifierOutputTarget(predicted)])[0]

    difference = abs(explain(model, inputs).heat - prediction_then_package()).max()
    return {"forward": forward, "explain": ours, "package": prediction_then_package}, float(difference)


def measure(timed: dict[str, Callable[[], object]], rounds: int, warm_up: int = 5) -> dict[str, list[float]]:
    """Seconds of each way in each round."""
    seconds: dict[str, list[float]] = {way: [] for way in timed}
    shuffled = list(timed)
    gc.collect()
    gc.disable()  # a collection would fall on whichever way happens to run
    for turn in range(rounds + warm_up):
        random.shuffle(shuffled)
        for way in shuffled:
            start = time.perf_counter()
            timed[way]()
            if turn >= warm_up:
                seconds[way].append(time.perf_counter() - start)
        gc.collect()
    gc.enable()
    return seconds


def spread(values: list[float]) -> str:
    """Median and quartiles."""
    low, middle, high = quantiles(values, n=4)
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def main() -> None:
    """Measures all models and prints the table; the exit status is 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    random.seed(0)
    print(
        f"torch {torch.__version__}, {options.threads} threads, n = {options.rounds}, load {os.getloadavg()[0]:.1f}\n"
    )
    print(
        "| model | forward ms | explain ms | forward + package ms | explain / forward | package / explain | max diff |"
    )
    print("|---|---|---|---|---|---|---|")
    missed = []
    for name, size in MODELS.items():
        timed, difference = ways(name, size)
        seconds = measure(timed, options.rounds)
        cost = [a / b for a, b in zip(seconds["explain"], seconds["forward"], strict=True)]
        gain = [a / b for a, b in zip(seconds["package"], seconds["explain"], strict=True)]
        times = " | ".join(f"{1000 * median(values):.1f}" for values in seconds.values())
        print(f"| {name} | {times} | {spread(cost)} | {spread(gain)} | {difference:.0e} |", flush=True)
        missed += [f"{name}: explain / forward {median(cost):.2f}"] * (median(cost) > MOST_OF_FORWARD)
        missed += [f"{name}: package / explain {median(gain):.2f}"] * (median(gain) < LEAST_GAIN)
    print(f"\nGoals: explain / forward <= {MOST_OF_FORWARD}, (forward + package) / explain >= {LEAST_GAIN}.")
    print("Missed: " + "; ".join(missed) if missed else "All met.")
    raise SystemExit(bool(missed))


if __name__ == "__main__":
    main()
