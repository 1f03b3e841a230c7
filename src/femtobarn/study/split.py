"""Three samples of a run without a common event, and where they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from femtobarn.errors import InputError
from femtobarn.runs import Provenance

E = TypeVar("E")


@runtime_checkable
class Sample(Protocol):
    """A table of events: anything with a length and rows to take."""

    def __len__(self) -> int:
        """Number of events."""
        ...

    def take(self: E, rows: Any, /) -> E:
        """These rows, in this order."""
        ...


S = TypeVar("S", bound=Sample)


@dataclass(frozen=True)
class Split(Generic[S]):
    """Samples to train on, to choose settings by, and for the results."""

    train: S
    validation: S
    test: S
    provenance: Provenance

    @property
    def sizes(self) -> dict[str, int]:
        """Events of each sample."""
        return {name: len(getattr(self, name)) for name in ("train", "validation", "test")}


def check_shares(validation: float, test: float) -> None:
    """Refuse shares that are not in (0, 1) or leave nothing to train on.

    Raises:
        InputError: The message names both shares.
    """
    if not (0 < test < 1 and 0 < validation < 1 and test + validation < 1):
        got = f"{validation}, {test}"
        raise InputError(f"shares in (0, 1) that leave some events to train on expected: got {got}")


def cut(
    sample: S,
    provenance: Provenance,
    *,
    validation: float,
    test: float | S,
    seed: int | Sequence[int],
    least: int = 10,
    what: str = "events",
) -> Split[S]:
    """The sample in random order, cut in three: training first, then validation, then test.

    Args:
        sample: Independent events; for events that belong together see `femtobarn.data.split.split_by_group`.
        provenance: Where they come from.
        validation, test: Shares of the events, see `check_shares`; or a test sample of its own.
        seed: Another seed gives another order; several numbers are one seed.
        least: Fewest events that each of the three needs.
        what: The events as the message calls them.

    Raises:
        InputError: One of the three has fewer than `least`.
    """
    count = len(sample)
    kept = int(count * test) if isinstance(test, float) else 0
    ends = [count - kept - int(count * validation), count - kept]
    rows = np.split(np.random.default_rng(seed).permutation(count), ends)
    train, checked, rest = (sample.take(each) for each in rows)
    split = Split(train, checked, rest if isinstance(test, float) else test, provenance)
    if min(split.sizes.values()) < least:
        raise InputError(f"too few {what} to train, validate and test: {count}")
    return split
