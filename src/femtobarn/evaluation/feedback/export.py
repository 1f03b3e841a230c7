"""The network behind a screen as two ONNX files, between which a machine tunes the code."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from femtobarn.data.atomic import writing
from femtobarn.errors import InputError
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.nn.map_inverse import MapInverse

_EXAMPLES = 4


class _Half(nn.Module):
    """One way through the network, as a network of its own."""

    def __init__(self, net: MapInverse, way: Callable[..., Tensor]) -> None:
        super().__init__()
        self.net, self.way = net, way

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.way(*inputs)


def export_inverse(net: nn.Module, folder: Path, *, to: str) -> str:
    """Write ``encoder.onnx`` (screen and settings to the code) and ``decoder.onnx`` (code to the map), checked.

    Args:
        net: A trained `MapInverse`.
        folder: Is made.
        to: "onnx".

    Raises:
        InputError: Another format, or a file cannot be written.
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
    """
    assert isinstance(net, MapInverse)
    if to != "onnx":
        raise InputError(f"there is no format {to!r} for the inverse of a map: known is onnx")
    with writing(str(folder), advice="choose another folder with --output"):
        folder.mkdir(parents=True, exist_ok=True)
    draw = torch.Generator().manual_seed(1)
    screen = torch.rand(_EXAMPLES, net.pixels, net.pixels, generator=draw)
    settings = net.centre + net.scale * torch.randn(_EXAMPLES, len(net.centre), generator=draw)
    with torch.no_grad():
        code = net.encode(screen, settings)
    shown = {"screen": screen, "settings": settings}
    halves = (
        ("encoder", net.encode, shown, "code"),
        ("decoder", net.decode, {"code": code}, "map"),
    )
    written = []
    for name, way, example, made in halves:
        path = folder / f"{name}.onnx"
        check = export_onnx(_Half(net, way), example, path, outputs=(made,), tolerance=1e-5)
        written.append(check.summary(path))
    return "\n".join(written)
