"""Class activation maps: equal to the package's, right under threads, and without a trace on the model."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMElementWise, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.inference.saliency import Explanation, ExplanationError, explain, target_layers

PACKAGE = {
    CamMethod.GRAD_CAM: GradCAM,
    CamMethod.GRAD_CAM_PLUSPLUS: GradCAMPlusPlus,
    CamMethod.HIRES_CAM: HiResCAM,
    CamMethod.XGRAD_CAM: XGradCAM,
    CamMethod.ELEMENTWISE: GradCAMElementWise,
    CamMethod.LAYER_CAM: LayerCAM,
    CamMethod.EIGEN_CAM: EigenCAM,
}
OF_A_CLASS = tuple(method for method in CamMethod if method.uses_class)
SIZES = {
    "test_resnet": (1, 112, 112),
    "resnet18": (3, 224, 224),
    "convnext_atto": (3, 224, 224),
    "vit_tiny_patch16_224": (3, 224, 224),
    "test_efficientnet": (3, 160, 160),
    "test_vit2": (3, 160, 160),
}


@pytest.fixture(autouse=True, scope="module")
def one_core_each() -> Iterator[None]:
    """Tests share the machine; the number of threads comes back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def network(name: str) -> nn.Module:
    """Random weights, always the same; neither head nor residual branches near zero as timm initialises them."""
    torch.manual_seed(7)
    model: nn.Module = timm.create_model(name, in_chans=SIZES[name][0], num_classes=19).eval()
    nn.init.normal_(model.get_classifier().weight, std=0.1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return model


def image(name: str, seed: int = 0) -> Tensor:
    return torch.randn(1, *SIZES[name], generator=torch.Generator().manual_seed(seed))


def packages_own(name: str, inputs: Tensor, class_index: int, layer: str, method: CamMethod) -> NDArray[np.float32]:
    """What the grad-cam package, running the whole model alone, says."""

    def without_class_token(tokens: Tensor) -> Tensor:
        return tokens[:, 1:].reshape(1, 14, 14, -1).permute(0, 3, 1, 2)

    reshape = without_class_token if name.startswith("vit") else None
    model = network(name)
    with PACKAGE[method](model, [model.get_submodule(layer)], reshape_transform=reshape) as cam:
        heat: NDArray[np.float32] = cam(inputs, [ClassifierOutputTarget(class_index)])[0]
    model.zero_grad()
    return heat


@pytest.mark.parametrize(
    ("name", "layers", "methods"),
    [
        ("test_resnet", ("layer4.0", "layer3.0", "layer2.0", "layer1.0", "layer2.0.conv2"), tuple(CamMethod)),
        ("resnet18", ("layer4.1", "layer3.1", "layer2.1"), tuple(CamMethod)),
        ("resnet18", ("layer1.1",), OF_A_CLASS),
        ("convnext_atto", ("stages.3", "stages.3.blocks.1", "stages.2", "stages.1"), tuple(CamMethod)),
        ("vit_tiny_patch16_224", ("blocks.11.norm1", "blocks.5.norm1", "blocks.2.norm1"), tuple(CamMethod)),
    ],
)
def test_equals_the_package_run_alone(name: str, layers: tuple[str, ...], methods: tuple[CamMethod, ...]) -> None:
    model, inputs = network(name), image(name)
    with torch.no_grad():
        expected = model(inputs)[0].softmax(0).numpy()
    empty = []
    for layer in layers:
        for method in methods:
            for class_index in (0, 7, 18) if method.uses_class else (7,):
                found = explain(model, inputs, class_index=class_index, layer=layer, method=method)
                heat = packages_own(name, inputs, class_index, layer, method)
                assert np.abs(found.heat - heat).max() <= 1e-4, (layer, method, class_index)
                assert found.empty == (heat.max() == 0), (layer, method, class_index)
                np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
                empty.append(found.empty)
    assert sum(empty) <= len(empty) / 4, empty  # a comparison of zeros would prove nothing


def test_hires_cam_is_grad_cam_where_only_pooling_and_one_linear_layer_follow_and_not_before() -> None:
    """Draelos and Carin 2020, section 4: the gradient is the same at every place of the last stage."""
    model, inputs = network("test_resnet"), image("test_resnet")
    maps = {
        (layer, method): explain(model, inputs, class_index=3, layer=layer, method=method).heat
        for layer in ("layer4.0", "layer2.0")
        for method in (CamMethod.GRAD_CAM, CamMethod.HIRES_CAM)
    }
    last, early = (
        np.abs(maps[layer, CamMethod.GRAD_CAM] - maps[layer, CamMethod.HIRES_CAM]).max()
        for layer in ("layer4.0", "layer2.0")
    )
    assert last <= 1e-5
    assert early > 0.1


@pytest.mark.parametrize(
    ("name", "coarsest", "grids"),
    [
        ("test_resnet", "layer4.0", [(4, 4), (7, 7), (14, 14), (28, 28), (56, 56)]),  # 112 / 32, ... / 2, rounded up
        ("resnet18", "layer4.1", [(7, 7), (14, 14), (28, 28), (56, 56), (112, 112)]),
        ("convnext_atto", "stages.3", [(7, 7), (14, 14), (28, 28), (56, 56)]),
        ("test_efficientnet", "blocks.4.0", [(5, 5), (10, 10), (20, 20), (40, 40), (80, 80)]),
        ("vit_tiny_patch16_224", "blocks.11.norm1", [(14, 14)] * 4),  # 224 / 16
    ],
)
def test_layers_go_from_coarse_to_fine(name: str, coarsest: str, grids: list[tuple[int, int]]) -> None:
    layers = target_layers(network(name), SIZES[name])
    assert layers[0].name == coarsest
    assert [layer.grid for layer in layers] == grids
    assert explain(network(name), image(name)).layer == coarsest


@pytest.mark.parametrize(
    ("name", "size", "coarsest"),
    [
        ("mobilenetv3_small_050", (3, 64, 96), (2, 3)),  # taller than wide stays so
        ("regnetx_002", (3, 64, 64), (2, 2)),
        ("densenet121", (3, 64, 64), (2, 2)),
        ("swin_tiny_patch4_window7_224", (3, 224, 224), (7, 7)),  # channels last
        ("deit_tiny_distilled_patch16_224", (3, 224, 224), (14, 14)),  # two tokens in front
        ("hrnet_w18_small", (3, 64, 64), (2, 2)),  # its declared stages give lists: found by shape
    ],
)
def test_other_families_are_read_by_themselves(
    name: str, size: tuple[int, int, int], coarsest: tuple[int, int]
) -> None:
    torch.manual_seed(3)
    model = timm.create_model(name, num_classes=5).eval()
    nn.init.normal_(model.get_classifier()[0].weight if "distilled" in name else model.get_classifier().weight)
    first = target_layers(model, size)[0]
    found = explain(model, torch.randn(1, *size))
    assert (first.grid, found.layer) == (coarsest, first.name)
    assert found.heat.shape == size[1:]
    assert found.heat.min() >= 0
    assert found.heat.max() <= 1


def test_160_maps_from_4_threads_are_the_single_threads_maps() -> None:
    names = ("test_resnet", "test_vit2")  # two models, each shared by all threads
    methods = tuple(CamMethod)
    layers = {name: [layer.name for layer in target_layers(network(name), SIZES[name])][:3] for name in names}

    def ask(turn: int) -> Explanation:
        name = names[turn % 2]
        method, layer = methods[turn % len(methods)], layers[name][turn // 2 % 3]
        return explain(network(name), image(name, turn % 11), class_index=turn % 19, layer=layer, method=method)

    def predict(turn: int) -> Tensor:
        with torch.inference_mode():
            return network(names[turn % 2])(image(names[turn % 2], turn % 11)).clone()

    alone, plain = [ask(turn) for turn in range(160)], [predict(turn) for turn in range(160)]
    with ThreadPoolExecutor(4) as explainers, ThreadPoolExecutor(2) as predictors:
        maps = [explainers.submit(ask, turn) for turn in range(160)]
        scores = [predictors.submit(predict, turn) for turn in range(160)]
        together, predicted = [job.result() for job in maps], [job.result() for job in scores]

    assert len({one.heat.tobytes() for one in alone}) > 100  # mixed-up answers would show
    wrong = [
        turn
        for turn, (one, other) in enumerate(zip(alone, together, strict=True))
        if np.abs(one.heat - other.heat).max() > 1e-5
        or np.abs(one.probabilities - other.probabilities).max() > 1e-6
        or (one.class_index, one.layer, one.empty) != (other.class_index, other.layer, other.empty)
    ]
    assert wrong == []
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(plain, predicted, strict=True))


@pytest.mark.parametrize("method", list(CamMethod))
def test_leaves_no_trace(method: CamMethod) -> None:
    model, inputs = network("test_resnet"), image("test_resnet")
    frozen = [parameter for name, parameter in model.named_parameters() if name.startswith("layer1")]
    for parameter in frozen:  # a caller may have frozen a part; that stays as it is
        parameter.requires_grad_(False)

    def everything() -> list[object]:
        attributes = [(m, sorted((k, id(v)) for k, v in vars(m).items())) for m in model.modules()]
        members = [[(k, id(v)) for k, v in m._modules.items()] for m in model.modules()]
        parameters = [(id(p), p.requires_grad, p.grad, p._version) for p in model.parameters()]
        hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in model.modules()]
        return [attributes, members, parameters, hooks, [b._version for b in model.buffers()]]

    before, random_state = everything(), torch.get_rng_state()
    explain(model, inputs, method=method)
    explain(model, inputs, method=method, layer="layer2.0.conv1", class_index=3)
    target_layers(model, SIZES["test_resnet"])
    assert everything() == before
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not inputs.requires_grad
    assert torch.equal(torch.get_rng_state(), random_state)
    for parameter in frozen:
        parameter.requires_grad_(True)


def test_gradient_mode_of_the_caller_neither_matters_nor_changes() -> None:
    model, inputs = network("test_resnet"), image("test_resnet")
    expected = explain(model, inputs).heat
    with torch.no_grad():
        np.testing.assert_array_equal(explain(model, inputs).heat, expected)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        np.testing.assert_array_equal(explain(model, inputs.clone()).heat, expected)
        assert torch.is_inference_mode_enabled()
    with pytest.raises(ExplanationError):
        explain(model, inputs, class_index=19)
    assert torch.is_grad_enabled()


def small(weight: float) -> nn.Sequential:
    """A 1 x 1 convolution of ones, pooled; one output, ``weight`` times the mean. timm knows nothing of it."""
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 1))
    for parameter, value in zip(model.parameters(), (1.0, 0.0, weight, 0.0), strict=True):
        nn.init.constant_(parameter, value)
    return model.eval()


def test_a_map_counted_by_hand() -> None:
    inputs = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]])
    found = explain(small(2.0), inputs)  # slope 2 / 4 everywhere, so the map is the image: (x - 1) / (5 - 1)
    np.testing.assert_allclose(found.heat, [[0, 0.25], [0.5, 1]], atol=1e-6)
    assert (found.class_index, found.layer, found.empty) == (0, "1", False)
    assert found.probabilities.tolist() == [1.0]


@pytest.mark.parametrize("method", OF_A_CLASS)
def test_a_map_that_is_zero_everywhere_says_so(method: CamMethod) -> None:
    torch.manual_seed(7)
    model = timm.create_model("test_resnet", in_chans=1, num_classes=3).eval()
    with torch.no_grad():
        model.fc.weight.copy_(-model.fc.weight.abs())  # more of any feature speaks against every class
    found = explain(model, image("test_resnet"), method=method)
    assert found.empty
    assert not found.heat.any()
    assert found.heat.shape == (112, 112)
    assert abs(found.probabilities.sum() - 1) < 1e-6


def test_a_map_that_is_the_same_everywhere_is_empty() -> None:
    assert explain(small(2.0), torch.full((1, 1, 4, 4), 0.3)).empty
    assert explain(small(0.0), torch.rand(1, 1, 4, 4)).empty


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"class_index": 19}, "19 outputs"),
        ({"class_index": -1}, "No class -1"),
        ({"layer": "layer9.0"}, "no layer 'layer9'"),
        ({"layer": "fc"}, "neither"),
        ({"layer": "layer4.0.downsample.9"}, "no layer '9'"),
        ({"layer": "act1", "inputs": torch.zeros(1, 1, 160, 160), "method": CamMethod.EIGEN_CAM}, "too much memory"),
        ({"inputs": torch.zeros(2, 1, 112, 112)}, "One image"),
        ({"inputs": torch.full((1, 1, 112, 112), torch.nan)}, "not finite"),
    ],
)
def test_what_cannot_be_explained_is_refused(options: dict[str, object], words: str) -> None:
    asked = {"inputs": image("test_resnet"), **options}
    with pytest.raises(ExplanationError, match=words) as caught:
        explain(network("test_resnet"), asked.pop("inputs"), **asked)
    assert isinstance(caught.value, TaxoScopeError)


class Detached(nn.Module):
    """A convolution whose features reach the scores without a slope."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.features(inputs).detach().mean(dim=(2, 3))


def test_a_model_that_cuts_its_slope_is_refused_unless_none_is_needed() -> None:
    asked = {"inputs": torch.rand(1, 1, 8, 8), "layer": "features"}
    with pytest.raises(ExplanationError, match=r"Detached cuts its slope between 'features' and its scores"):
        explain(Detached().eval(), **asked)
    found = explain(Detached().eval(), **asked, method=CamMethod.EIGEN_CAM)
    assert found.heat.max() == pytest.approx(1, abs=1e-5)


def test_training_mode_and_models_without_a_map_are_refused() -> None:
    with pytest.raises(ExplanationError, match=r"model\.eval\(\)"):
        explain(small(1.0).train(), torch.rand(1, 1, 4, 4))
    flat = nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).eval()
    with pytest.raises(ExplanationError, match="No layer of Sequential"):
        target_layers(flat, (1, 4, 4))
    with pytest.raises(ExplanationError, match="No layer of Sequential"):
        explain(flat, torch.rand(1, 1, 4, 4))
