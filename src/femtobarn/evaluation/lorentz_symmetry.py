"""How exactly a network of four-momenta commutes with boosts and rotations."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor, nn

from femtobarn.physics.boosts import boost_torch
from femtobarn.runs import Result, Run
from femtobarn.study import draw_against

Transformation = Callable[[Tensor], Tensor]


def deviation(
    network: Callable[[Tensor, Tensor], Tensor],
    momentum: Float[Tensor, "jet particle 4"],
    mask: Bool[Tensor, "jet particle"],
    transformation: Transformation,
) -> Float64[np.ndarray, "jet"]:
    """Largest difference of network(transformed) and transformed(network), over the largest component, of each jet.

    Args:
        network: From momenta and their mask to momenta.
        momentum: (E, px, py, pz).
        mask: True for real particles.
        transformation: Linear map of momenta.
    """
    with torch.no_grad():
        expected = transformation(network(momentum, mask))
        apart = (network(transformation(momentum), mask) - expected).abs().amax(dim=(1, 2))
    return (apart / expected.abs().amax(dim=(1, 2))).double().numpy()


def boost_of_each(jets: int, rapidity: float, *, seed: int) -> Transformation:
    """A boost of this rapidity, in a direction of its own for each jet, in the precision of what is boosted."""
    direction = np.random.default_rng(seed).normal(size=(jets, 1, 3))
    velocity = np.tanh(rapidity) * direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    return lambda p: boost_torch(p.double(), torch.from_numpy(velocity)).to(p.dtype)


def rotation_of_each(jets: int, *, seed: int) -> Transformation:
    """A rotation of its own for each jet."""
    from scipy.spatial.transform import Rotation

    matrix = torch.from_numpy(Rotation.random(jets, rng=np.random.default_rng(seed)).as_matrix())
    return lambda p: torch.cat((p[..., :1], p[..., 1:] @ matrix.mT.to(p.dtype)), dim=-1)


def symmetry_rows(
    network: nn.Module,
    momentum: Float64[Tensor, "jet particle 4"],
    mask: Bool[Tensor, "jet particle"],
    *,
    rapidities: Sequence[float] = (0.5, 2.0, 5.0, 8.0),
    labels: dict[str, str],
    seed: int,
) -> list[Result]:
    """The largest `deviation` of some jets under boosts and a rotation, in float64 and in float32.

    The transformations themselves are done in float64 in either case.
    """
    count, rows = len(mask), []
    maps = {f"boost, rapidity {y:g}": boost_of_each(count, y, seed=seed) for y in rapidities}
    maps["rotation"] = rotation_of_each(count, seed=seed)
    for dtype in (torch.float64, torch.float32):
        cast = copy.deepcopy(network).to(dtype).eval()
        for name, transformation in maps.items():
            worst = float(deviation(cast, momentum.to(dtype), mask, transformation).max())
            place = labels | {"precision": str(dtype).removeprefix("torch.")}
            place = {"network": ", ".join(place.values()), "transformation": name}
            rows.append(Result("relative deviation", worst, n=count, split="test", labels=place))
    return rows


def draw_symmetry(run: Run, rows: Sequence[Result], *, section: str = "Symmetry") -> None:
    """The rows of boosts against the rapidity, a line for each network and precision."""
    boosts = [each for each in rows if each.labels["transformation"].startswith("boost")]
    lines: dict[str, list[Result]] = {}
    for each in boosts:
        place = {"rapidity": each.labels["transformation"].split()[-1]}
        lines.setdefault(each.labels["network"], []).append(Result(each.name, each.value, labels=place))
    draw_against(
        run, lines, label="rapidity", xlabel="rapidity of the boost", ylabel="largest relative deviation",
        name="symmetry", title="Boosted before or after the network", section=section, by="network",
        legend={"fontsize": 5}, subplot_kw={"yscale": "log"},
        caption="Largest difference of a jet that is boosted before the network and one that is boosted after it, over "
        "the largest component; worst of the jets. What remains is rounding.",
    )  # fmt: skip
