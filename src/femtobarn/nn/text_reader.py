"""From texts to the states that a pre-trained encoder gives their tokens."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from femtobarn.data.word_pieces import WordPieces
from femtobarn.nn.text_encoder import load_text_encoder
from femtobarn.nn.text_heads import mean_of_tokens


class TextStates(NamedTuple):
    """What an encoder makes of some texts; the arrays are as long as each text, without padding."""

    lower: list[np.ndarray]
    """States (token, feature) before the last layers, where these are to be trained."""
    upper: list[np.ndarray]
    """States after the last layer."""
    mean: np.ndarray
    """(text, feature): mean state of the tokens after the last layer, of length 1."""


class TextReader:
    """A pre-trained encoder with its word pieces; nothing is fetched.

    Args:
        folder: Holds ``config.json``, ``model.safetensors`` and ``tokenizer.json``.
        length: Word pieces of a text at most.

    Raises:
        InputError: A file is missing, damaged or of another layout.
        MissingExtraError: tokenizers or safetensors is not installed.
    """

    def __init__(self, folder: Path, *, length: int = 48) -> None:
        self.pieces, self.encoder = WordPieces(folder, length=length), load_text_encoder(folder)

    def __call__(
        self,
        texts: Sequence[str],
        *,
        top: int = 2,
        batch: int = 32,
        progress: bool = False,
    ) -> TextStates:
        """States of the tokens of each text, in the order of the texts.

        Args:
            texts: At least one.
            top: Last layers, before which the lower states are taken; may be 0.
            batch: Texts computed together; those of like length, so that little is padded.
            progress: Show a bar.
        """
        from rich.console import Console
        from rich.progress import Progress

        ids = self.pieces(texts)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        none = np.empty(0, np.float32)
        lower, upper, mean = [none] * len(ids), [none] * len(ids), [none] * len(ids)
        console = Console(stderr=True)
        with torch.inference_mode(), Progress(console=console, disable=not progress) as bar:
            task = bar.add_task("encoding", total=len(ids))
            for start in range(0, len(order), batch):
                some = order[start : start + batch]
                numbers, mask = padded([ids[i] for i in some])
                states = self.encoder.states(numbers, mask)
                means = mean_of_tokens(states[-1], mask, unit=True)
                for place, i in enumerate(some):
                    size = len(ids[i])
                    # copies, that do not keep the whole batch alive
                    lower[i] = states[-1 - top][place, :size].numpy().copy()
                    upper[i] = states[-1][place, :size].numpy().copy()
                    mean[i] = means[place].numpy()
                bar.advance(task, len(some))
        return TextStates(lower, upper, np.stack(mean))


def padded(arrays: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Arrays of different lengths as one tensor with zeros behind, and what is real of it."""
    tensor = pad_sequence([torch.from_numpy(each) for each in arrays], batch_first=True)
    length = torch.tensor([len(each) for each in arrays])
    return tensor, torch.arange(tensor.shape[1]) < length[:, None]
