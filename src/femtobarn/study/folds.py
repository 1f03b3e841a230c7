"""Folds of events that belong together, and the error of a mean over repeated folds."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from femtobarn.errors import InputError
from femtobarn.runs import Result
from femtobarn.study.seeds import Value


def grouped_folds(
    group: Sequence[str], signal: Bool[np.ndarray, " event"], *, folds: int, seed: int
) -> Int[np.ndarray, " event"]:
    """The fold of each event; events of a group share it, and it does not depend on the order of the events.

    Groups with signal and groups without are dealt out in turn, in the order of a hash, so that all folds have
    about as many of each.

    Args:
        group: What each event belongs to.
        signal: Its class.
        folds: At least 2.
        seed: Another seed gives other folds.

    Raises:
        InputError: Fewer groups of a class than folds.
    """
    with_signal = {name for name, is_signal in zip(group, signal, strict=True) if is_signal}
    place: dict[str, int] = {}
    for some, step in ((with_signal, 1), (set(group) - with_signal, -1)):
        if folds < 2 or len(some) < folds:
            sizes = f"{len(with_signal)} with signal and {len(set(group) - with_signal)} without"
            raise InputError(
                f"expected 2 folds or more, and as many groups of each class: got {folds}, {sizes}"
            )
        in_turn = sorted(some, key=lambda name: _hash(name, seed))
        place |= {name: (step * turn) % folds for turn, name in enumerate(in_turn)}
    return np.array([place[name] for name in group])


def over_folds(values: Sequence[float], *, folds: int) -> Value:
    """Mean over the folds, and its error (Nadeau, Bengio 2003, doi:10.1023/A:1024068626366).

    The trainings of folds share most of their events, so that the spread between folds alone would say too little:
    its square is multiplied by 1/n + 1/(folds - 1), the second being the share of test to training events, not
    divided by n.

    Args:
        values: One for each fold of each repetition.
        folds: Of one repetition.
    """
    found = np.asarray(values, float)
    spread = found.std(ddof=1) if len(found) > 1 else float("nan")
    return float(found.mean()), float(spread * np.sqrt(1 / len(found) + 1 / (folds - 1)))


def fold_row(
    name: str, values: Sequence[float], labels: Mapping[str, str], *, folds: int, **more: Any
) -> Result:
    """A result over repeated folds; `more` are further arguments of `Result`."""
    value, error = over_folds(values, folds=folds)
    kind = f"over {len(values)} folds, corrected for common training events"
    return Result(
        name, value, None if np.isnan(error) else error,
        split="folds", labels=dict(labels), error_kind=kind, **more,
    )  # fmt: skip


def _hash(name: str, seed: int) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=str(seed).encode()).digest()
