"""What the integer model of a run makes of a user's events, as one HDF5 file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from femtobarn.data.hdf5 import write_hdf5
from femtobarn.systems.hgq import sample
from femtobarn.systems.hgq.study import Point, Trained

_ROWS = 50_000


def write(trained: Trained, point: Point, files: Sequence[Path], output: Path) -> Path:
    """Write what the hardware would give for every event of the files, bit for bit.

    The file holds, a row an event in the order of the files: ``file`` (place in the attribute "files"), ``row``
    (in its file), ``output`` float64, the numbers of the last layer, and ``label`` (the largest of them) or
    ``angle`` in mrad. The attribute "overflows" counts numbers off the range of their format: with many of them
    the events are unlike those of the training.

    Raises:
        InputError: A file cannot be read, or the output cannot be written.
    """
    integers = trained.integers(point)
    columns: dict[str, list[np.ndarray]] = {"file": [], "row": [], "output": []}
    overflows = 0
    for place, path in enumerate(files):
        inputs, _ = sample.read(trained.task, sample.open_files(trained.task, [path]), limit=None)
        for start in range(0, len(inputs), _ROWS):
            x = trained.scale.apply(inputs[start : start + _ROWS]).double().numpy()
            columns["output"].append(integers(x))
            overflows += sum(integers.overflows(x).values())
        columns["file"].append(np.full(len(inputs), place, np.uint32))
        columns["row"].append(np.arange(len(inputs)))
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    if trained.task == "muon":
        joined["angle"] = trained.scale.offset + trained.scale.unit * joined["output"][:, 0]
    else:
        joined["label"] = joined["output"].argmax(axis=1)
    told: dict[str, str | int] = {
        "model": point.name,
        "overflows": overflows,
        "files": "\n".join(map(str, files)),
    }
    write_hdf5(output, joined, told)
    return output
