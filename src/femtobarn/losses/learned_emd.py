"""Earth mover's distance between wafers estimated by a convolutional network (arXiv:2306.04712)."""

import copy
import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.optim.swa_utils import update_bn

from femtobarn.data.atomic import write_whole
from femtobarn.errors import InputError
from femtobarn.losses._shares import shares
from femtobarn.losses._types import result_type
from femtobarn.losses.emd import emd
from femtobarn.physics import wafer

_Pairs = tuple[Tensor, Tensor]

_LOSS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "huber": functional.huber_loss,
    "mse": functional.mse_loss,
    "msle": lambda estimate, w: functional.mse_loss(estimate.clamp(min=0).log1p(), w.log1p()),
}


class EmdNet(nn.Module):
    """Convolutional estimate of the Earth mover's distance between two wafers, in sensor-cell pitches.

    The two wafers, scaled to unit sum, are the six channels of a 4x4 image, one for each rhombus. The mean
    over both orders of the two makes the estimate symmetric. It is not exactly 0 for equal wafers, and may
    be negative. The defaults are the shape of eight of the nine networks published with the paper: 188,385
    weights to train, and 704 running statistics that Keras adds to its total.

    The code published with the paper scales by a power of two where it uses the network as a loss, and by
    the sum where it trains it; here the network scales its input itself.

    Args:
        filters, kernel, convolutions: Channels, width and number of the convolutions.
        dense: Width of the hidden layer after them.
        generator: Source of the initial weights (Glorot uniform, zero biases, as in Keras).
    """

    layout: Tensor

    def __init__(
        self,
        *,
        filters: int = 32,
        kernel: int = 5,
        convolutions: int = 3,
        dense: int = 256,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.settings = {"filters": filters, "kernel": kernel, "convolutions": convolutions, "dense": dense}
        layers: list[nn.Module] = []
        for channels in [6] + [filters] * (convolutions - 1):
            layers += [
                nn.Conv2d(channels, filters, kernel, padding="same"),
                nn.BatchNorm2d(filters),
                nn.ReLU(),
            ]
        layers += [nn.Flatten(), nn.Linear(16 * filters, dense), nn.BatchNorm1d(dense), nn.ReLU()]
        self.one_way = nn.Sequential(*layers, nn.Linear(dense, 1))
        self.one_way.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on a CPU
        for layer in self.one_way:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.eps, layer.momentum = 1e-3, 0.01  # Keras: epsilon 1e-3, momentum 0.99
        self.register_buffer("layout", torch.tensor(wafer.image_4x4x3()).permute(2, 0, 1), persistent=False)

    def forward(self, a: Real[Tensor, "pair 48"], b: Real[Tensor, "pair 48"]) -> Float[Tensor, "pair"]:
        """Estimate the distance of each pair of wafers, given as charges; NaN where one of them is empty."""
        p, q, valid = shares(a, b, dtype=_dtype(self))
        estimate = self.one_way(self.images(p, q)).view(2, -1).mean(dim=0)
        return torch.where(valid, estimate, torch.nan)

    def images(
        self, p: Float[Tensor, "pair 48"], q: Float[Tensor, "pair 48"]
    ) -> Float[Tensor, "2*pair 6 4 4"]:
        """The pairs as images in both orders: first all (p, q), then all (q, p)."""
        both_orders = torch.stack((torch.cat((p, q)), torch.cat((q, p))), dim=1)
        return both_orders[:, :, self.layout].flatten(1, 2)


def learned_emd(
    a: Real[Tensor, "*batch 48"], b: Real[Tensor, "*batch 48"], net: EmdNet
) -> Float[Tensor, "*batch"]:
    """Distance as the trained network estimates it: the loss that arXiv:2306.04712 trains its encoder with.

    Gradients flow to a and b, never to the network, which is used in evaluation mode and left as it was. Both
    are scaled to unit sum; an empty wafer gives NaN with zero gradient. It is computed in the precision of the
    weights, also in a region of `torch.autocast`. Judge the result of a training by the
    exact `emd`: the estimate is not 0 for a = b, and an encoder can exploit its errors.

    Raises:
        InputError: Negative or non-finite charge, or shapes that differ.
    """
    frozen = {name: weight.detach() for name, weight in net.named_parameters()}
    flat = tuple(side.reshape(-1, side.shape[-1]).to(_dtype(net)) for side in (a, b))
    with _evaluating(net), torch.autocast(a.device.type, enabled=False):
        estimate: Tensor = functional_call(net, frozen, flat)
    return estimate.view(a.shape[:-1]).to(result_type(a, b))


def _dtype(net: nn.Module) -> torch.dtype:
    return next(net.parameters()).dtype


@contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    """The network in evaluation mode; afterwards each of its layers in the mode it was in."""
    modes = [(layer, layer.training) for layer in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode


class EmdAccuracy(NamedTuple):
    """How well a network estimates the exact distance, over n pairs."""

    mean: float
    """Mean of (estimate - exact) / exact, over the pairs that differ."""
    sigma: float
    """Standard deviation of the same."""
    correlation: float
    """Pearson's, between estimate and exact."""
    itself: float
    """Mean estimate for a wafer and itself, where the exact distance is 0."""
    smallest: float
    """Smallest estimate of all pairs."""
    n: int
    """Number of pairs."""


def emd_accuracy(net: EmdNet, a: Real[Tensor, "pair 48"], b: Real[Tensor, "pair 48"]) -> EmdAccuracy:
    """Compare a network's estimates with exact distances.

    Raises:
        InputError: Fewer than two pairs, bad charges or shapes.
    """
    if len(a) < 2:
        raise InputError(f"expected at least two pairs of wafers to compare, got {len(a)}")
    return _accuracy(net, a, b, _exact(a, b))


def pairs_all(
    images: Float[Tensor, "image 48"], count: int, *, generator: torch.Generator
) -> tuple[Float[Tensor, "pair 48"], Float[Tensor, "pair 48"]]:
    """Draw ordered pairs of two different images: the recipe "pair" of arXiv:2306.04712."""
    if len(images) < 2:
        raise InputError(f"expected at least two images to make pairs of, got {len(images)}")
    first = torch.randint(len(images), (count,), generator=generator)
    step = torch.randint(1, len(images), (count,), generator=generator)
    return images[first], images[(first + step) % len(images)]


def train_emd_net(
    images: Real[Tensor, "image 48"],
    *,
    generator: torch.Generator,
    recipe: Literal["pair", "ae", "app"] = "pair",
    decoded: Real[Tensor, "image 48"] | None = None,
    pairs: int = 60_000,
    nearer: float = 0.5,
    loss: Literal["huber", "mse", "msle"] = "huber",
    epochs: int = 4,
    batch: int = 256,
    lr: float = 6e-3,
    net: EmdNet | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[EmdNet, EmdAccuracy]:
    """Train a network on pairs of wafers, and measure it on pairs of wafers it has not seen.

    60 % of the images make the training pairs, 40 % the validation pairs. The weights with the smallest
    validation loss are kept. Departures from arXiv:2306.04712 (64 epochs in batches of 32 at a constant
    rate of 1e-3), for a training of seconds: a one-cycle learning rate; statistics of the batch
    normalisation measured anew after each epoch; and `nearer`.

    Args:
        images: Charges of the wafers; empty ones are left out.
        generator: The only source of randomness.
        recipe: What is paired: "pair" images with one another, "ae" each image with `decoded`, "app" both.
        decoded: What an autoencoder makes of each image.
        pairs: Number of training pairs of the recipe "pair"; validation takes a fifth of it.
        nearer: Share of the training pairs (a, b) that are replaced in each pass by the nearer pair
            (a, a + t (b - a)), t uniform in 0 to 1. Its distance is exactly t W(a, b), since W is a norm of
            a - b. 0 trains as published, which leaves near pairs, where a loss is used, out of the sample.
        loss: Between estimate and exact distance; "msle" compares log(1 + W).
        epochs, batch, lr: Passes over the pairs, pairs per step, largest learning rate of Adam.
        net: Network to train further; default a new one with the published hyper-parameters.
        progress: Called after each epoch with its number and validation loss.

    Returns:
        The network, in evaluation mode, and its accuracy on the validation pairs.

    Raises:
        InputError: Bad charges, too few images, an unknown recipe or loss, `decoded` missing.
    """
    if recipe not in ("pair", "ae", "app") or loss not in _LOSS or not 0 <= nearer <= 1:
        raise InputError(
            f"expected recipe pair, ae or app, loss {', '.join(_LOSS)}, nearer in 0 to 1, "
            f"got {recipe!r}, {loss!r}, {nearer}"
        )
    if min(pairs, epochs, batch) < 1:
        raise InputError(f"pairs, epochs and batch must be at least 1, got {pairs}, {epochs}, {batch}")
    if recipe != "pair" and decoded is None:
        raise InputError(f"the recipe {recipe!r} needs decoded, the autoencoder's output for each image")
    dtype = torch.get_default_dtype() if net is None else _dtype(net)
    seen, unseen = _split(images, images if decoded is None else decoded, generator, dtype)
    a, b = _make_pairs(*seen, recipe, pairs, generator)
    check_a, check_b = _make_pairs(*unseen, recipe, max(pairs // 5, 2), generator)
    w, check_w = _exact(a, b), _exact(check_a, check_b)

    net = (EmdNet(generator=generator) if net is None else copy.deepcopy(net)).to(images.device)
    batch = min(batch, len(w))
    steps = len(w) // batch
    optimizer = _adam(net, lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=epochs * steps)
    best, best_weights = float("inf"), copy.deepcopy(net.state_dict())
    for epoch in range(epochs):
        net.train()
        for rows in torch.randperm(len(w), generator=generator)[: steps * batch].view(steps, batch):
            near_b, near_w = _draw_nearer(a[rows], b[rows], w[rows], nearer, generator)
            value = _LOSS[loss](net(a[rows], near_b), near_w)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        sample = torch.randint(len(w), (20 * batch,), generator=generator)
        near_b, _ = _draw_nearer(a[sample], b[sample], w[sample], nearer, generator)
        update_bn(net.images(a[sample], near_b).view(20, 2 * batch, 6, 4, 4), net.one_way)
        net.eval()
        validation = float(_LOSS[loss](_estimate(net, check_a, check_b), check_w))
        if validation < best:
            best, best_weights = validation, copy.deepcopy(net.state_dict())
        if progress is not None:
            progress(epoch, validation)
    net.load_state_dict(best_weights)
    net.zero_grad()  # frees the gradients of the last step
    return net, _accuracy(net, check_a, check_b, check_w)


def save_emd_net(net: EmdNet, path: Path) -> None:
    """Write a network's hyper-parameters and weights to a file that holds plain tensors and numbers only."""
    content = io.BytesIO()
    torch.save({"format": 1, "settings": net.settings, "weights": net.state_dict()}, content)
    write_whole(path, lambda unfinished: unfinished.write_bytes(content.getbuffer()))


def load_emd_net(path: Path) -> EmdNet:
    """Read a network written by `save_emd_net`, in evaluation mode; no code in the file is run.

    Raises:
        InputError: No such file, or not one of these.
    """
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"expected a file written by save_emd_net, found {path} to be none or something else"
        )
    try:
        stored = torch.load(path, weights_only=True, map_location="cpu")
        net = EmdNet(**stored["settings"])
        net.load_state_dict(stored["weights"])
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError) as error:
        raise InputError(
            f"expected a file written by save_emd_net, found {path} to be something else"
        ) from error
    return net.eval()


def _split(
    images: Tensor, decoded: Tensor, generator: torch.Generator, dtype: torch.dtype
) -> tuple[_Pairs, _Pairs]:
    """Images and decoded images as shares, 60 % and 40 % of them: no image is in both."""
    p, q, valid = shares(images, decoded, dtype=dtype)
    rows = valid.nonzero().squeeze(1).cpu()
    rows = rows[torch.randperm(len(rows), generator=generator)]
    seen, unseen = rows[: round(0.6 * len(rows))], rows[round(0.6 * len(rows)) :]
    return (p[seen], q[seen]), (p[unseen], q[unseen])


def _make_pairs(p: Tensor, q: Tensor, recipe: str, count: int, generator: torch.Generator) -> _Pairs:
    if recipe == "ae":
        return p, q
    drawn = pairs_all(p, count, generator=generator)
    return drawn if recipe == "pair" else (torch.cat((drawn[0], p)), torch.cat((drawn[1], q)))


def _draw_nearer(
    a: Tensor, b: Tensor, w: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    t, chance = torch.rand(2, len(w), generator=generator).to(a)
    t = torch.where(chance < share, t, 1.0)
    return torch.lerp(a, b, t[:, None]), t * w


def _adam(net: EmdNet, lr: float) -> torch.optim.Adam:
    """Adam with the published L2 term, 1e-4 times the sum of the squared kernels (its slope is 2e-4)."""
    kernels = [weight for weight in net.parameters() if weight.ndim > 1]
    others = [weight for weight in net.parameters() if weight.ndim == 1]
    groups: list[dict[str, Any]] = [{"params": kernels, "weight_decay": 2e-4}, {"params": others}]
    return torch.optim.Adam(groups, lr=lr)


def _exact(a: Tensor, b: Tensor) -> Tensor:
    return emd(a, b, torch.tensor(wafer.distances(), device=a.device))


def _estimate(net: EmdNet, a: Tensor, b: Tensor) -> Tensor:
    with torch.no_grad():
        chunks = [slice(start, start + 4096) for start in range(0, len(a), 4096)]
        return torch.cat([net(a[rows], b[rows]) for rows in chunks])


def _accuracy(net: EmdNet, a: Tensor, b: Tensor, w: Tensor) -> EmdAccuracy:
    estimate, w = _estimate(net, a, b).double(), w.double()
    relative = (estimate / w - 1)[w > 0]
    return EmdAccuracy(
        mean=float(relative.mean()),
        sigma=float(relative.std()),
        correlation=float(torch.corrcoef(torch.stack((estimate, w)))[0, 1]),
        itself=float(_estimate(net, a, a).double().mean()),
        smallest=float(estimate.min()),
        n=len(w),
    )
