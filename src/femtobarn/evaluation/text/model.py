"""A trained model of texts ready for use: from texts to probabilities, a queue and doubts; its times; its network."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from femtobarn.data.words import words_of
from femtobarn.errors import InputError
from femtobarn.evaluation.text.features import TfIdf
from femtobarn.evaluation.text.linear import ENCODER
from femtobarn.evaluation.text.models import Classifier, Texts
from femtobarn.evaluation.text.triage import Decision
from femtobarn.hardware.onnx_export import export_onnx
from femtobarn.metrics.calibration import Scaling
from femtobarn.nn.text_heads import MeanHead, TextClassifier
from femtobarn.nn.text_reader import TextReader, padded
from femtobarn.runs import Result
from femtobarn.study import by_name, row

_CLOSE = 1e-4  # of the largest logit: six layers in float32


class TextTriage(NamedTuple):
    """A classifier, what its logits mean, and the words that it has met."""

    classifier: Classifier
    decision: Decision
    words: TfIdf
    reader: TextReader | None
    """The encoder, for a classifier that needs one."""

    def columns(
        self, text: Sequence[str], *, expected: float | None = None, unknown: float = 0.3
    ) -> dict[str, np.ndarray]:
        """For each text "probability", "in_queue", "unsure" and "known_words".

        A text without words has no probability and is unsure; so is one of which a smaller share of the words is
        known than `unknown`, as in another language. Nothing is dismissed: whoever reads the queue sees the rest, too.

        Args:
            text: Any number of texts.
            expected: See `Decision.columns`.
            unknown: As said.
        """
        found = self.decision.columns(self.logit(text), expected=expected)
        share, empty = self.words.known(text), np.array([not words_of(each) for each in text])
        return {
            "probability": np.where(empty, np.nan, found["probability"]),
            "in_queue": found["in_queue"] & ~empty,
            "unsure": found["unsure"] | (share < unknown),
            "known_words": share,
        }

    def logit(self, text: Sequence[str]) -> np.ndarray:
        """Logarithm of the odds, before any scaling."""
        layers = 0 if self.classifier.network is None else len(self.classifier.network.layers)
        states = None if self.reader is None else self.reader(text, top=layers)
        return self.classifier.logit(Texts(list(text), states))

    @property
    def size(self) -> int:
        """Bytes of its numbers, those of the encoder included."""
        networks = [self.classifier.network, None if self.reader is None else self.reader.encoder]
        weights = [weight for net in networks if net is not None for weight in net.parameters()]
        words = sum(2 * each.weight.nbytes for each in self.classifier.linear)  # with the rarity of each term
        return words + sum(weight.numel() * weight.element_size() for weight in weights)

    def kept(self) -> dict[str, Any]:
        """Plain data, from which with the weights of its network `again` makes it."""
        decided = {"scaling": tuple(self.decision.scaling), "decision": tuple(self.decision[1:])}
        words = {"terms": self.words.terms, "rarity": torch.from_numpy(self.words.rarity)}
        return self.classifier.kept() | decided | {"words": words}

    @classmethod
    def again(cls, kept: Mapping[str, Any], network: Any, reader: TextReader | None) -> "TextTriage":
        """What `kept` was taken from."""
        words = TfIdf(kept["words"]["terms"], kept["words"]["rarity"].numpy())
        decided = Decision(Scaling(*kept["scaling"]), *kept["decision"])
        return cls(Classifier.again(kept, network), decided, words, reader)


def text_times(models: Mapping[str, TextTriage], texts: Sequence[str], *, calls: int) -> list[Result]:
    """Milliseconds from a text to its logit, alone and among 64, and megabytes of each model, by its name."""
    table = []
    for name, model in models.items():
        labels = {"model": name}
        table.append(Result("size", model.size / 1e6, unit="MB", labels=labels))
        for together in (1, 64):
            found = []
            for call in range(max(calls // together, 3) + 1):
                some = [texts[(call * together + i) % len(texts)] for i in range(together)]
                start = time.perf_counter()
                model.logit(some)
                found.append((time.perf_counter() - start) * 1e3 / together)
            low, middle, high = np.quantile(found[1:], (0.16, 0.5, 0.84))  # the first is slow
            more = labels | {"messages together": str(together)}
            pair, kind, n = (float(middle), float(high - low) / 2), "half the middle 68 %", len(found) - 1
            table.append(row("time of a message", [pair], more, n=n, unit="ms", split="", sample=kind))
    return by_name(table)


def export_text(model: TextTriage, texts: Sequence[str], folder: Path) -> str:
    """Write the network of a model as ONNX, from numbers of word pieces to a logit, checked on the texts.

    ``network.onnx`` takes "ids" and "mask", as many pieces as the longest text that the encoder reads; ``rest.json``
    has what is not a network: the regression on words that its probability is averaged with, scaling and threshold.

    Raises:
        InputError: The model has no network, or one that ONNX cannot express.
        VerificationError: onnxruntime gives other numbers than torch.
    """
    if model.reader is None:
        raise InputError("this model has no network to export; choose one with an encoder")
    net = _Network(model.reader.encoder, _head(model.classifier))
    ids, mask = padded(model.reader.pieces(texts))
    length = model.reader.pieces.length
    room = torch.zeros(len(ids), length - ids.shape[1], dtype=ids.dtype)
    ids, mask = torch.cat((ids, room), dim=1), torch.cat((mask, room.bool()), dim=1)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "network.onnx"
    check = export_onnx(
        net, {"ids": ids, "mask": mask}, path, outputs=("logit",), axis="text", tolerance=_CLOSE
    )
    words = [each for each in model.classifier.linear if ENCODER not in each.made]
    rest = {
        "regressions": [
            {"made": [*each.made], "offset": each.offset} | _weights(each.made, each.weight) for each in words
        ],
        "scaling": model.decision.scaling._asdict(),
        "threshold": model.decision.threshold,
    }
    (folder / "rest.json").write_text(json.dumps(rest, indent=1), encoding="utf-8")
    return check.summary(path)


def _weights(made: Mapping[str, Any], weight: np.ndarray) -> dict[str, Any]:
    """Rarity and weight of each term."""
    (terms,) = (each for each in made.values() if isinstance(each, TfIdf))
    columns = zip(terms.terms, terms.rarity.tolist(), weight.tolist(), strict=True)
    return {"terms": {term: [rarity, of] for term, rarity, of in columns}}


def _head(classifier: Classifier) -> TextClassifier:
    """The part of a classifier that is a network on states of the encoder."""
    if classifier.network is not None:
        if classifier.vectors is not None or any(
            isinstance(m, nn.LSTM) for m in classifier.network.modules()
        ):
            raise InputError("an LSTM, or word vectors, cannot be exported; choose another model")
        return classifier.network
    (linear,) = (each for each in classifier.linear if [*each.made] == [ENCODER])
    head = MeanHead(len(linear.weight), unit=True)
    with torch.no_grad():
        weight, bias = head.net[0].parameters()
        weight.copy_(torch.from_numpy(linear.weight)[None])
        bias.fill_(linear.offset)
    return TextClassifier(nn.ModuleList(), head)


class _Network(nn.Module):
    """The encoder, its last layers as they were tuned, and the head."""

    def __init__(self, encoder: nn.Module, classifier: TextClassifier) -> None:
        super().__init__()
        self.encoder, self.classifier = encoder, classifier

    def forward(self, ids: Int[Tensor, "text token"], mask: Bool[Tensor, "text token"]) -> Tensor:
        states = self.encoder.states(ids, mask)  # type: ignore[operator]
        return self.classifier(states[-1 - len(self.classifier.layers)], mask)
