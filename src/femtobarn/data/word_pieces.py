"""Short texts as numbers of word pieces, by the ``tokenizer.json`` of a pre-trained encoder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from femtobarn.data.opening import check_file, reading
from femtobarn.data.words import cleaned
from femtobarn.errors import InputError, require

TOKENIZER = "tokenizer.json"


class WordPieces:
    """Numbers of the pieces of texts, marks of their begin and end included.

    Args:
        folder: Holds ``tokenizer.json``; nothing is fetched.
        length: Pieces of a text at most, its marks included; what is longer loses its end.

    Raises:
        InputError: No such file, damaged, or a length below 3.
        MissingExtraError: tokenizers is not installed.
    """

    def __init__(self, folder: Path, *, length: int) -> None:
        if length < 3:
            raise InputError(f"expected a length of at least 3 word pieces, got {length}")
        self.length, path = length, folder / TOKENIZER
        check_file(path)
        tokenizers = require("tokenizers", extra="text")
        with reading(path, "tokenizer"):
            self._pieces = tokenizers.Tokenizer.from_file(str(path))
            self._pieces.no_padding()  # the file may ask for one length of all texts
            self._pieces.enable_truncation(length)

    def __call__(self, texts: Sequence[str]) -> list[np.ndarray]:
        """One array of whole numbers for each text; an empty text has its marks alone."""
        found = self._pieces.encode_batch([cleaned(text) for text in texts])
        return [np.array(each.ids, np.int64) for each in found]
