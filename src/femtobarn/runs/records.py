"""Records of a run: results, published numbers, provenance of the data, figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from femtobarn.data.checksums import checksum
from femtobarn.settings import from_dict, to_dict

DataKind = Literal["real", "stand-in"]
Status = Literal["running", "done", "interrupted", "failed"]
N = TypeVar("N", bound="Result | Published")


@dataclass(frozen=True)
class Result:
    """One number of a run, with everything needed to interpret it.

    Attributes:
        name: The quantity, as "mean EMD"; results of the same name and unit belong to one table.
        error: Uncertainty of the value, None where there is none; `error_kind` says which.
        n: Number of events (wafers, jets ...) behind the value.
        split: Which part of the data, as "validation".
        data: Kind of the data; None means those of the run, and `Run.save_results` fills it in.
        labels: What tells this number from its neighbours, as ``{"method": "exact EMD", "e-links": "2"}``.
        seeds: Seeds of the trainings behind the value.
    """

    name: str
    value: float
    error: float | None = None
    unit: str = ""
    n: int = 0
    split: str = ""
    data: DataKind | None = None
    labels: dict[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    error_kind: str = ""


@dataclass(frozen=True)
class Published:
    """One number from a paper. `data` is the name of its data set, `source` the arXiv id and table."""

    name: str
    value: float
    error: float | None = None
    unit: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    data: str = ""
    source: str = ""

    def matches(self, result: Result) -> bool:
        """Whether it is the same quantity: name, unit, and every label that the paper gives."""
        same = self.name == result.name and self.unit == result.unit
        return same and self.labels.items() <= result.labels.items()


@dataclass(frozen=True)
class Provenance:
    """Origin of the data of a run.

    Attributes:
        kind: "real" for published or own data, "stand-in" for what our generators make.
        name: Name of the data set; published numbers are compared only where it is theirs.
        source: Record, DOI or address of the data; for a stand-in the generator.
        files: Fingerprint of each file, by its path; see `femtobarn.data.checksums`.
        generator: Settings of the generator, plain JSON.
    """

    kind: DataKind
    name: str
    source: str = ""
    files: dict[str, str] = field(default_factory=dict)
    generator: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_files(cls, name: str, paths: Sequence[Path]) -> "Provenance":
        """Real data from these files; of a folder every file in it is fingerprinted.

        Raises:
            InputError: A file cannot be read.
        """
        files = [
            file
            for path in paths
            for file in (sorted(filter(Path.is_file, path.iterdir())) if path.is_dir() else [path])
        ]
        return cls("real", name, ", ".join(map(str, paths)), {str(file): checksum(file) for file in files})


@dataclass(frozen=True)
class Figure:
    """A figure of a run: its texts, the drawing and the numbers drawn."""

    name: str
    title: str
    caption: str
    section: str
    svg: Path
    csv: Path


def comparable(data: Provenance | None, published: Published) -> bool:
    """Whether a published number may stand beside ours: only on the same real data set."""
    return data is not None and data.kind == "real" and data.name == published.data


def to_json(number: Result | Published) -> dict[str, Any]:
    """Plain JSON of a number: null stands for NaN, and what is None is left out."""
    plain = {key: value for key, value in to_dict(number).items() if value is not None}
    return plain | {key: None for key in ("value", "error") if plain.get(key) == "nan"}


def from_json(kind: type[N], entry: Any) -> N:
    """The number that `to_json` made `entry` from."""
    return from_dict(kind, {key: "nan" if value is None else value for key, value in entry.items()})
