"""How long a generator takes for a shower, as the CaloChallenge measures it."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from femtobarn.data.atomic import write_whole
from femtobarn.errors import InputError

BATCHES = (1, 100, 10_000)  #: sizes of the challenge (arXiv:2410.21611)


@dataclass(frozen=True)
class BatchTime:
    """Milliseconds a shower in batches of one size: mean and standard deviation over runs."""

    batch: int
    mean: float
    deviation: float
    runs: int


@dataclass(frozen=True)
class GenerationCost:
    """What a generator costs."""

    device: str = "cpu"
    times: tuple[BatchTime, ...] = ()
    parameters: int | None = None  # trainable numbers needed to generate
    training_parameters: int | None = None  # with those of critics, encoders and teachers


def generation_time(
    generate: Callable[[Float[np.ndarray, " shower"]], Any],
    energies: Float[np.ndarray, " shower"],
    *,
    batches: Sequence[int] = BATCHES,
    runs: int = 10,
    wait: Callable[[], None] | None = None,
    limit: float = 600.0,
) -> tuple[BatchTime, ...]:
    """Time of a shower in batches of several sizes, everything included that `generate` does.

    Each size is warmed up by one run that does not count, then timed `runs` times. `generate` should do all of it,
    from incident energies to voxels in MeV.

    Args:
        generate: Makes showers of incident energies (MeV).
        energies: Energies to take the batches from, repeated where they are too few.
        batches: Sizes.
        runs: Of each size.
        wait: Called before the clock is read, such as `torch.cuda.synchronize`.
        limit: Seconds. A size whose warm-up says that its runs would take longer gets fewer runs, at least two; one
            whose first run takes longer than this is left out.

    Raises:
        InputError: No energies, or batches and runs that are none.
    """
    if not len(energies) or min((*batches, 1)) < 1 or runs < 2:
        raise InputError(
            f"expected energies, batches of at least 1 and two runs, got {len(energies)}, {list(batches)}, {runs}"
        )
    found = []
    for batch in batches:
        some = np.resize(np.asarray(energies), batch)
        first = _seconds(generate, some, wait)
        if first > limit:
            continue
        times = [
            1e3 * _seconds(generate, some, wait) / batch
            for _ in range(max(2, min(runs, int(limit / max(first, 1e-9)))))
        ]
        found.append(BatchTime(batch, float(np.mean(times)), float(np.std(times, ddof=1)), len(times)))
    return tuple(found)


def write_costs(path: str | Path, costs: Mapping[str, GenerationCost]) -> None:
    """Write what generators cost, by the name of their file without ending, for ``evaluate showers --costs``."""
    text = json.dumps({name: asdict(cost) for name, cost in costs.items()}, indent=1) + "\n"
    write_whole(Path(path), lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def read_costs(path: str | Path) -> dict[str, GenerationCost]:
    """The costs in a file that `write_costs` wrote.

    Raises:
        InputError: The file cannot be read or says something else.
    """
    from femtobarn.settings import from_dict

    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return {name: from_dict(GenerationCost, cost) for name, cost in content.items()}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise InputError(
            f'{path}: expected {{"generator": {{"device": "cpu", "times": [{{"batch": 1, "mean": ms, '
            f'"deviation": ms, "runs": 10}}], "parameters": n}}}}, got something else ({error})'
        ) from error


def _seconds(
    generate: Callable[[Any], Any], energies: Float[np.ndarray, " shower"], wait: Callable[[], None] | None
) -> float:
    start = time.perf_counter()
    generate(energies)
    if wait is not None:
        wait()
    return time.perf_counter() - start
