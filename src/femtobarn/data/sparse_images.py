"""Images of which few pixels have energy: kept as a sparse matrix, given in full a batch at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32
from scipy import sparse

from femtobarn.data.source import Source, stream
from femtobarn.errors import InputError


@dataclass(frozen=True)
class SparseImages:
    """Images of events and further columns, a row each; `take` gives some of them, in any order.

    Of 286 x 360 x 3 pixels some 0.5 % have energy: an event takes 12 kB instead of 1.2 MB.
    """

    pixels: Any
    """Sparse matrix (event, pixel)."""
    shape: tuple[int, ...]
    """Of one image in full."""
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return int(self.pixels.shape[0])

    def take(self, rows: Any) -> "SparseImages":
        """These events, in this order."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return SparseImages(self.pixels[rows], self.shape, columns)

    def full(self, rows: Any = slice(None)) -> Float32[np.ndarray, "event *shape"]:
        """Images of some events with all their pixels."""
        image: np.ndarray = self.pixels[rows].toarray().reshape(-1, *self.shape)
        return image

    def pieces(self, rows: int = 200) -> Iterator[Float32[np.ndarray, "event *shape"]]:
        """All images in full, so many at a time."""
        for start in range(0, len(self), rows):
            yield self.full(slice(start, start + rows))

    @classmethod
    def of_source(cls, source: Source, *, column: str = "image", rows: int = 200) -> "SparseImages":
        """All events of a source, read `rows` at a time, with whatever other columns it has.

        Raises:
            InputError: A source without events.
        """
        if not len(source):
            raise InputError("expected at least one event, got none")
        parts, columns = [], []
        for piece in stream(source, source.columns, rows=rows):
            image = piece.pop(column)
            parts.append(sparse.csr_matrix(image.reshape(len(image), -1).astype(np.float32, copy=False)))
            columns.append(piece)
        joined = {name: np.concatenate([each[name] for each in columns]) for name in columns[0]}
        return cls(sparse.vstack(parts, format="csr"), tuple(image.shape[1:]), joined)


def joined_images(parts: Sequence[SparseImages]) -> SparseImages:
    """The events of all parts, one part after the other, with the columns that all have.

    Raises:
        InputError: Images of different shapes.
    """
    if len({part.shape for part in parts}) != 1:
        raise InputError(f"expected images of one shape, got {', '.join(str(part.shape) for part in parts)}")
    names = [name for name in parts[0].columns if all(name in part.columns for part in parts)]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in names}
    pixels = sparse.vstack([part.pixels for part in parts], format="csr")
    return SparseImages(pixels, parts[0].shape, columns)
