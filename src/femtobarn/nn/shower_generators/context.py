"""What steers the networks of flows and diffusion: one vector of a time and a condition."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.nn.time_features import TimeFeatures


class Context(nn.Module):
    """One vector of a time (or noise level) and a condition: what the networks of flows are steered by."""

    def __init__(self, condition: int, width: int, *, features: int = 64) -> None:
        super().__init__()
        self.time = nn.Sequential(TimeFeatures(features, highest=100.0), nn.Linear(features, width))
        self.condition = nn.Sequential(nn.Linear(condition, width), nn.SiLU(), nn.Linear(width, width))

    def forward(
        self, time: Float[Tensor, "shower"], condition: Float[Tensor, "shower condition"]
    ) -> Float[Tensor, "shower width"]:
        """The context of each shower."""
        return F.silu(self.time(time) + self.condition(condition))
