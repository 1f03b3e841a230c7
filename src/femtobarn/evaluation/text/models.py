"""Models that tell texts of two classes apart: regressions, networks on the tokens of a text, and means of both."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import nn
from torch.nn import functional as F

from femtobarn.errors import InputError
from femtobarn.evaluation.text.features import WordVectors
from femtobarn.evaluation.text.linear import ENCODER, KEYWORDS, VECTORS, LinearText
from femtobarn.evaluation.text.linear import TFIDF as TERMS
from femtobarn.nn.text_encoder import TextLayer
from femtobarn.nn.text_heads import TEXT_HEADS, TextClassifier
from femtobarn.nn.text_reader import TextStates, padded

PREVALENCE, WORDS, TFIDF, FROZEN = "prevalence", "keyword list", "TF-IDF", "frozen encoder"
TUNED, MEAN, MEAN_TUNED = (
    "tuned encoder, mean",
    "mean of TF-IDF and encoder",
    "mean of TF-IDF and tuned encoder",
)
#: Kinds of features side by side, for logistic regression.
LINEAR: dict[str, tuple[str, ...]] = {
    PREVALENCE: (),
    WORDS: (KEYWORDS,),
    TFIDF: (TERMS,),
    "word vectors": (VECTORS,),
    FROZEN: (ENCODER,),
    "TF-IDF beside encoder": (TERMS, ENCODER),
}
#: What a network reads, whether layers of the encoder are trained with it, and its head.
NETWORKS = {
    "word vectors, LSTM": (VECTORS, False, "LSTM"),
    "frozen encoder, CNN": (ENCODER, False, "CNN"),
    "frozen encoder, LSTM": (ENCODER, False, "LSTM"),
    **{f"tuned encoder, {head}": (ENCODER, True, head) for head in TEXT_HEADS},
}
#: Models whose probabilities are averaged.
MEANS = {MEAN: (TFIDF, FROZEN), MEAN_TUNED: (TFIDF, TUNED)}

Logit = Float[np.ndarray, " _"]


@dataclass(frozen=True)
class Fitting:
    """How models are trained. The penalty of each logistic regression is chosen among the same five strengths."""

    keywords: tuple[str, ...] = (
        "need", "help", "please", "water", "food", "tent", "shelter", "medic", "doctor", "injur", "trap", "rescue",
    )  # fmt: skip
    """Words, or begins of words, of the keyword list."""
    vector: int = 50
    """Numbers of a word vector."""
    layers: int = 2
    """Last layers of the encoder that are tuned."""
    epochs: int = 3
    """Passes over the messages for a tuned encoder."""
    head_epochs: int = 10
    """Passes for a head on states that stay as they are."""
    batch: int = 32
    """Messages of a step."""
    lr: float = 5e-5
    """Learning rate of AdamW at first for the layers of the encoder; it falls to 0."""
    head_lr: float = 1e-3
    """Learning rate of heads."""
    device: str = "cpu"
    """Torch device of the trainings: cpu, cuda."""

    def __post_init__(self) -> None:
        if min(self.vector, self.layers, self.epochs, self.head_epochs, self.batch) < 1:
            raise InputError(f"expected vectors, layers, epochs and a batch of 1 or more, got {self}")
        if not (self.lr > 0 and self.head_lr > 0):
            raise InputError(f"expected learning rates above 0, got {self.lr} and {self.head_lr}")


class Texts(NamedTuple):
    """Texts with the states of their tokens, if there is an encoder."""

    text: list[str]
    states: TextStates | None

    def take(self, rows: Int[np.ndarray, "_"]) -> "Texts":
        """These texts."""
        text = [self.text[i] for i in rows]
        if self.states is None:
            return Texts(text, None)
        lower, upper = ([some[i] for i in rows] for some in self.states[:2])
        return Texts(text, TextStates(lower, upper, self.states.mean[rows]))


class Classifier(NamedTuple):
    """A trained model: the mean of the probabilities of its regressions and its network, mostly of one."""

    linear: list[LinearText]
    network: TextClassifier | None = None
    vectors: WordVectors | None = None
    """What the network reads; states of an encoder without it."""
    losses: tuple[float, ...] = ()
    """Of the network, by epoch."""

    def logit(self, texts: Texts) -> Logit:
        """Logarithm of the odds, before any scaling."""
        mean = None if texts.states is None else texts.states.mean
        found = [each.logit(texts.text, mean) for each in self.linear]
        if self.network is not None:
            found.append(_network_logit(self.network, _sequences(texts, self.network, self.vectors)))
        return mean_logit(found)

    def kept(self) -> dict[str, Any]:
        """Plain data, from which with the weights of the network `again` makes it."""
        found: dict[str, Any] = {"linear": [each.content() for each in self.linear]}
        if self.vectors is not None:
            found["vectors"] = {
                "words": self.vectors.words,
                "numbers": torch.from_numpy(self.vectors.vectors),
            }
        return found

    @classmethod
    def again(cls, kept: Mapping[str, Any], network: Any) -> "Classifier":
        """What `kept` was taken from."""
        vectors = kept.get("vectors")
        read = None if vectors is None else WordVectors(vectors["words"], vectors["numbers"].numpy())
        return cls([LinearText.from_content(each) for each in kept["linear"]], network, read)


def needs_encoder(name: str) -> bool:
    """Whether a model reads states of an encoder."""
    parts = MEANS.get(name, (name,))
    return any(ENCODER in (LINEAR[each] if each in LINEAR else NETWORKS[each][:1]) for each in parts)


def mean_logit(logits: Sequence[Logit]) -> Logit:
    """Logit of the mean of the probabilities."""
    if len(logits) == 1:
        return logits[0]
    p = np.clip(np.mean([1 / (1 + np.exp(-each)) for each in logits], axis=0), 1e-12, 1 - 1e-12)
    return np.log(p) - np.log1p(-p)


def fit(
    name: str,
    texts: Texts,
    label: Bool[np.ndarray, " text"],
    last: nn.ModuleList | None,
    settings: Fitting,
    *,
    seed: int,
    report: Callable[[int, int], None] = lambda *_: None,
    **linear: Any,
) -> Classifier:
    """A model that learned from the texts, with balanced classes.

    Args:
        name: Of `LINEAR`, `NETWORKS` or `MEANS`.
        texts: To learn from.
        label: Whether each needs action.
        last: The last layers of the encoder, before they are tuned.
        settings: See `Fitting`.
        seed: Of a network's weights, batches and dropout.
        report: Called with (epochs done, of how many).
        linear: More arguments of `LinearText.fitted`.

    Raises:
        InputError: One class only, or too few texts for what is to be learned.
    """
    parts = MEANS.get(name, (name,))
    mean = None if texts.states is None else texts.states.mean
    given: dict[str, Any] = {"keywords": settings.keywords, "size": settings.vector} | linear
    regressions = [
        LinearText.fitted(LINEAR[each], texts.text, mean, label, **given) for each in parts if each in LINEAR
    ]
    network = next((each for each in parts if each in NETWORKS), None)
    if network is None:
        return Classifier(regressions)
    reads, tuned, head = NETWORKS[network]
    vectors = WordVectors.fitted(texts.text, size=settings.vector) if reads == VECTORS else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        features = (
            settings.vector if vectors is not None else len(texts.states.mean[0]) if texts.states else 0
        )
        layers = copy.deepcopy(last) if tuned and last is not None else nn.ModuleList()
        made = TextClassifier(layers, TEXT_HEADS[head](features))
        losses = _train(made, _sequences(texts, made, vectors), label, settings, seed, report)
    return Classifier(regressions, made.eval(), vectors, tuple(losses))


def shape(network: TextClassifier, name: str) -> dict[str, Any]:
    """What `untrained` has to know."""
    layers = [layer for layer in network.layers if isinstance(layer, TextLayer)]
    sizes = {"heads": layers[0].heads, "inner": layers[0].wide.out_features} if layers else {}
    (part,) = (each for each in MEANS.get(name, (name,)) if each in NETWORKS)
    features = layers[0].query.in_features if layers else _features(network.head)
    return {"head": NETWORKS[part][2], "features": features, "layers": len(layers), **sizes}


def _features(head: nn.Module) -> int:
    """That a head reads of a token."""
    first = next(each for each in head.modules() if isinstance(each, nn.Linear | nn.Conv1d | nn.LSTM))
    return int(first.input_size if isinstance(first, nn.LSTM) else first.weight.shape[1])


def untrained(head: str, features: int, layers: int, heads: int = 1, inner: int = 1) -> TextClassifier:
    """A head, on layers of an encoder that are trained with it."""
    some = nn.ModuleList(TextLayer(features, heads=heads, inner=inner) for _ in range(layers))
    return TextClassifier(some, TEXT_HEADS[head](features))


def _sequences(texts: Texts, network: TextClassifier, vectors: WordVectors | None) -> list[np.ndarray]:
    if vectors is not None:
        return vectors(texts.text)
    if texts.states is None:
        raise InputError("this model reads states of an encoder, and there is none: see --data.encoder")
    return texts.states.lower if len(network.layers) else texts.states.upper


def _train(
    network: TextClassifier,
    sequences: Sequence[np.ndarray],
    label: np.ndarray,
    settings: Fitting,
    seed: int,
    report: Callable[[int, int], None],
) -> list[float]:
    """Mean loss of each epoch. `engine.fit` would pad all messages to one length, at twice the time."""
    rates = [(network.layers, settings.lr), (network.head, settings.head_lr)]
    groups = [{"params": list(part.parameters()), "lr": lr} for part, lr in rates if [*part.parameters()]]
    descent = torch.optim.AdamW(groups, weight_decay=0.01)
    epochs = settings.epochs if len(network.layers) else settings.head_epochs
    steps = epochs * -(-len(label) // settings.batch)
    falling = torch.optim.lr_scheduler.LambdaLR(descent, lambda step: 1 - step / steps)
    network.to(settings.device)
    target = torch.from_numpy(label.astype(np.float32)).to(settings.device)
    weight = (1 - target).sum() / target.sum()
    draw, losses = np.random.default_rng(seed), []
    for epoch in range(epochs):
        total = torch.zeros((), dtype=torch.float64, device=settings.device)
        for rows in _batches([len(each) for each in sequences], settings.batch, draw):
            read = [each.to(settings.device) for each in padded([sequences[i] for i in rows])]
            loss = _step(network, read, target[torch.tensor(rows, device=settings.device)], weight, descent)
            falling.step()
            total += loss * len(rows)
        losses.append(float(total) / len(label))
        report(epoch + 1, epochs)
    network.cpu()
    return losses


def _step(
    network: TextClassifier,
    read: Sequence[torch.Tensor],
    target: torch.Tensor,
    weight: torch.Tensor,
    descent: torch.optim.Optimizer,
) -> torch.Tensor:
    loss = F.binary_cross_entropy_with_logits(network(*read), target, pos_weight=weight)
    descent.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    descent.step()
    return loss.detach()


def _batches(length: Sequence[int], size: int, draw: np.random.Generator) -> Iterator[list[int]]:
    """Messages in random order, those of like length together."""
    order = draw.permutation(len(length)).tolist()
    pools = [sorted(order[i : i + 8 * size], key=length.__getitem__) for i in range(0, len(order), 8 * size)]
    batches = [pool[i : i + size] for pool in pools for i in range(0, len(pool), size)]
    for place in draw.permutation(len(batches)):
        yield batches[place]


def _network_logit(network: TextClassifier, sequences: Sequence[np.ndarray], batch: int = 64) -> Logit:
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    found = np.zeros(len(order))
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            found[rows] = network(*padded([sequences[i] for i in rows])).double().numpy()
    return found
