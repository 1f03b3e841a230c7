"""What a file says its events are. Our writers say it, so that numbers on a stand-in do not pass for real ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from femtobarn.data.hdf5 import opened_hdf5

Kind = Literal["real", "stand-in", "generated"]

UNSAID = "not said"  #: of a file that a writer of ours made without a kind given
_ATTRIBUTE = "kind of events"


def kind_attributes(kind: Kind | None) -> dict[str, str]:
    """Attributes to write into a file."""
    return {_ATTRIBUTE: kind or UNSAID}


def kinds_of(files: Sequence[Path]) -> set[str]:
    """What HDF5 files say; "" for those that other programs wrote.

    Raises:
        InputError: A file cannot be read.
    """
    found = set()
    for path in files:
        with opened_hdf5(path) as file:
            found.add(str(file.attributes().get(_ATTRIBUTE, "")))
    return found
