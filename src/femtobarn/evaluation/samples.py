"""The files that an evaluation compares: distinct names, no file twice, the same cuts."""

from collections.abc import Sequence
from pathlib import Path

from femtobarn.data.kind import UNSAID, kinds_of
from femtobarn.data.opening import check_distinct
from femtobarn.datasets.jetnet import JetSource
from femtobarn.errors import InputError
from femtobarn.evaluation.results import NULL


def sample_names(files: Sequence[Path], *, reference: str) -> list[str]:
    """Short names that tell files apart, from each other, from the reference and from the nulls in a table.

    Raises:
        InputError: The same file twice, under whatever names.
    """
    check_distinct(files)
    names = [short_name(file) for file in files]
    if len({*names, reference, NULL}) < len(names) + 2:
        names = [str(file) for file in files]
    return [f"{name} (generated)" if name in (reference, NULL) else name for name in names]


def short_name(path: Path) -> str:
    """Of a file without its ending, of a folder the whole."""
    return path.stem if path.suffix in (".h5", ".hdf5") else path.name


def is_stand_in(files: Sequence[Path]) -> bool:
    """Whether what a reference says of itself makes it a stand-in; only other programs may leave it unsaid."""
    return bool(kinds_of(files) & {"stand-in", "generated", UNSAID})


def check_jets(files: Sequence[Path], *, particles: int | None) -> None:
    """Refuse files without jets, and jets cut to different numbers of particles: the cut alone makes a difference.

    Args:
        files: In JetNet's layout.
        particles: Hardest particles that are compared; all that the files hold if None.

    Raises:
        InputError: As said.
    """
    widths = {}
    for file in files:
        source = JetSource([file], particles=particles)
        if not len(source):
            raise InputError(f"{file}: expected jets, got none")
        widths[file] = source.particles
    if len(set(widths.values())) > 1:
        listed = ", ".join(f"{file.name} {width}" for file, width in widths.items())
        raise InputError(
            f"files with different numbers of particles: {listed}; give --particles {min(widths.values())}"
        )
