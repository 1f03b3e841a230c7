"""Networks from the states of the tokens of a text to one number; padding never counts."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

States = Float[Tensor, "text token feature"]
Real = Bool[Tensor, "text token"]
Number = Float[Tensor, " text"]


def mean_of_tokens(states: States, mask: Real, *, unit: bool = False) -> Float[Tensor, "text feature"]:
    """Mean state of the real tokens of each text; with `unit` divided by its length, as sentences are compared."""
    total = torch.where(mask.unsqueeze(-1), states, 0.0).sum(dim=1)
    mean = total / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return F.normalize(mean, dim=-1) if unit else mean


class MeanHead(nn.Module):
    """A linear function of the mean state, or with `hidden` neurons a perceptron of it."""

    def __init__(self, features: int, *, hidden: int = 0, unit: bool = False) -> None:
        super().__init__()
        self.unit = unit
        before = [nn.Linear(features, hidden), nn.ReLU()] if hidden else []
        self.net = nn.Sequential(*before, nn.Linear(hidden or features, 1))

    def forward(self, states: States, mask: Real) -> Number:
        """One number a text."""
        return self.net(mean_of_tokens(states, mask, unit=self.unit)).squeeze(-1)


class FirstTokenHead(nn.Module):
    """A linear function of the state of the first token, which in BERT stands for the text."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.net = nn.Linear(features, 1)

    def forward(self, states: States, mask: Real) -> Number:
        """One number a text."""
        return self.net(states[:, 0]).squeeze(-1)


class ConvolutionHead(nn.Module):
    """The largest answer of each filter to a few tokens in a row, then a linear function.

    Kim 2014, arXiv:1408.5882.
    """

    def __init__(
        self,
        features: int,
        *,
        channels: int = 100,
        widths: tuple[int, ...] = (2, 3, 4),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.widths = widths
        self.filters = nn.ModuleList(nn.Conv1d(features, channels, width) for width in widths)
        self.net = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels * len(widths), 1))

    def forward(self, states: States, mask: Real) -> Number:
        """One number a text; filters that reach beyond its end see zeros there."""
        x = torch.where(mask.unsqueeze(-1), states, 0.0).mT
        found = []
        for width, each in zip(self.widths, self.filters, strict=True):
            answer = F.relu(each(F.pad(x, (0, width - 1))))
            found.append(torch.where(mask.unsqueeze(1), answer, 0.0).amax(dim=2))
        return self.net(torch.cat(found, dim=1)).squeeze(-1)


class RecurrentHead(nn.Module):
    """The largest states of an LSTM that reads forwards and of one that reads backwards, then a linear function."""

    def __init__(self, features: int, *, hidden: int = 128) -> None:
        super().__init__()
        self.reader = nn.LSTM(features, hidden, batch_first=True, bidirectional=True)
        self.net = nn.Linear(2 * hidden, 1)

    def forward(self, states: States, mask: Real) -> Number:
        """One number a text."""
        length = mask.sum(dim=1).cpu()
        packed = pack_padded_sequence(states, length, batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(
            self.reader(packed)[0],
            batch_first=True,
            padding_value=-1.0,  # the least of an LSTM
            total_length=states.shape[1],
        )
        return self.net(read.amax(dim=1)).squeeze(-1)


#: Makes a head from the number of features of a token, by name.
TEXT_HEADS: dict[str, Callable[[int], nn.Module]] = {
    "mean": MeanHead,
    "first token": FirstTokenHead,
    "perceptron": lambda features: MeanHead(features, hidden=features),
    "CNN": ConvolutionHead,
    "LSTM": RecurrentHead,
}


class TextClassifier(nn.Module):
    """The last layers of an encoder, trained further, and a head on them; without layers the head alone.

    Args:
        layers: Modules of (states, mask), such as `TextLayer`.
        head: Such as one of `TEXT_HEADS`.
    """

    def __init__(self, layers: nn.ModuleList, head: nn.Module) -> None:
        super().__init__()
        self.layers, self.head = layers, head

    def forward(self, states: States, mask: Real) -> Number:
        """The logit of each text."""
        for layer in self.layers:
            states = layer(states, mask)
        return self.head(states, mask)
