"""A run: one folder of plain files that tells what was done, on which data, and what came out.

======================== =======================================================================
``run.json``             system, preset, settings, seed, versions, machine, data, times, status
``log.jsonl``            one event a line, in the order they happened
``results.json``         the numbers, each with error, unit, sample size, split and kind of data
``figures/NAME.svg``     the figures; ``NAME.csv`` holds the numbers drawn, ``index.json`` the titles
``work/NAME/``           checkpoints and other products of the parts of the run
``report.html``          the page that shows all of this
======================== =======================================================================

Files are replaced whole, so a reader never sees half of one and a killed run never leaves one. In
all but ``run.json`` null stands for NaN, and what is None is left out.
"""

import csv
import fcntl
import io
import json
import math
import os
import platform
import re
import secrets
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from femtobarn.data.checksums import checksum
from femtobarn.errors import InputError, nearest
from femtobarn.settings import from_dict, to_dict

if TYPE_CHECKING:
    import matplotlib.figure

FORMAT = 1  #: of the run folder; raised when a reader of the old one would misread the new one

DataKind = Literal["real", "stand-in"]
Status = Literal["running", "done", "interrupted", "failed"]
R = TypeVar("R")

_PACKAGES = ("numpy", "scipy", "numba", "torch", "pytorch-lightning", "matplotlib")
_NAME = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*")
_MANY_POINTS = 5000  # drawn as one image: as vectors they would take some 100 bytes each


@dataclass(frozen=True)
class Result:
    """One number that came out of a run, with all that is needed to judge it.

    Attributes:
        name: The quantity, as "mean EMD"; results of the same name and unit belong to one table.
        error: Uncertainty of the value, None where there is none; `error_kind` says which.
        n: Number of events (wafers, jets ...) behind the value.
        split: Which part of the data, as "validation".
        labels: What tells this number from its neighbours, as ``{"method": "exact EMD", "e-links": "2"}``.
        seeds: Seeds of the trainings behind the value.
    """

    name: str
    value: float
    error: float | None = None
    unit: str = ""
    n: int = 0
    split: str = ""
    data: DataKind = "stand-in"
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
    """Where the data of a run come from.

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


class Run:
    """A run folder, open for reading and writing. Make one by `Run.create` or `Run.open`."""

    def __init__(self, folder: Path, record: dict[str, Any]) -> None:
        self.folder = folder
        self._record = record

    @classmethod
    def create(
        cls,
        root: Path,
        *,
        system: str,
        preset: str,
        settings: Any,
        seed: int,
        summary: str = "",
        data: Provenance | None = None,
        device: str = "cpu",
        command: Sequence[str] | None = None,
    ) -> "Run":
        """A new run in a folder of its own, ``root/system/time-id``, with the status "running".

        Args:
            settings: A dataclass, or plain JSON.
            summary: What the system does, in one sentence.
            data: Where the data come from; `set_data` tells it later.
            command: Words of the command line, by default those of this process.

        Raises:
            InputError: The folder cannot be written.
        """
        _check_name(system)
        folder = _new_folder(root / system)
        run = cls(
            folder,
            {
                "format": FORMAT,
                "system": system,
                "summary": summary,
                "preset": preset,
                "settings": to_dict(settings) if is_dataclass(settings) else dict(settings),
                "seed": int(seed),
                "status": "running",
                "started": _now(),
                "command": shlex.join(sys.argv if command is None else command),
                "versions": _versions(),
                "machine": {"device": device, "cpu": _cpu(), "threads": _threads()},
            },
        )
        if data:
            run.set_data(data)
        run._save()
        return run

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """The run in an existing folder.

        Raises:
            InputError: It is no run, its record is damaged, or a newer femtobarn wrote it.
        """
        if not folder.is_dir():
            raise InputError(f"no run folder at {folder}")
        path = folder / "run.json"
        if not path.is_file():
            raise InputError(f"{folder} is not a run: it has no run.json")
        record = _read_json(path)
        found = record.get("format") if isinstance(record, dict) else None
        if type(found) is not int:
            raise InputError(f"{path} is not the record of a run: it has no format number")
        if found > FORMAT:
            raise InputError(
                f"{folder} has run format {found}, this femtobarn reads up to {FORMAT}: update it"
            )
        if missing := {"system", "preset", "settings", "seed", "status", "started"} - record.keys():
            raise InputError(f"{path} is damaged: it lacks {', '.join(sorted(missing))}")
        return cls(folder, record)

    @property
    def record(self) -> dict[str, Any]:
        """What ``run.json`` holds."""
        return self._record

    @property
    def name(self) -> str:
        """Name of the folder: time and id."""
        return self.folder.name

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, as plain JSON; `femtobarn.settings.from_dict` makes the dataclass of them."""
        return dict(self._record["settings"])

    @property
    def data(self) -> Provenance | None:
        """Where the data come from, None as long as nobody has said."""
        data = self._record.get("data")
        with _reading(self.folder / "run.json"):
            return Provenance(**data) if data else None

    @property
    def status(self) -> str:
        """How the run stands. A process that was killed cannot say so: its run shows as "interrupted"."""
        status = str(self._record["status"])
        lock = self.folder / "lock"
        if status != "running" or not lock.exists():
            return status
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return "running"
        return "interrupted"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep the run to this process while the context lasts.

        Raises:
            InputError: Another process works on it; the message names it.
        """
        with _writing(self.folder):
            file = (self.folder / "lock").open("a+", encoding="utf-8")
        with file:
            with _writing(self.folder):
                if not _locked(file):
                    file.seek(0)
                    owner = f"process {file.read()}".strip()
                    raise InputError(f"the run {self.folder} is in use by {owner}: wait for it or stop it")
                file.truncate(0)
                file.write(str(os.getpid()))
                file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def set_data(self, data: Provenance) -> None:
        """Record where the data come from."""
        self._record["data"] = asdict(data)
        self._save()

    def finish(self, status: Status, *, reason: str = "") -> None:
        """Record how the run ended, and when."""
        self._record |= {"status": status, "ended": _now(), "reason": reason}
        self._save()

    def resume(self) -> None:
        """Record that a run which had ended goes on."""
        self._record |= {"status": "running"}
        self._record.pop("ended", None)
        self._record.pop("reason", None)
        self._save()
        self.log(event="resumed")

    def log(self, **fields: Any) -> None:
        """Append an event to the log with its time: numbers, text, arrays, and lists and dicts of them."""
        line = json.dumps({"time": _now("milliseconds"), **_plain(fields)}, allow_nan=False)
        path = self.folder / "log.jsonl"
        with _writing(self.folder), path.open("ab+") as file:
            if file.tell():  # a kill may have left half a line
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else "\n" + line
            file.write(line.encode() + b"\n")

    def events(self) -> list[dict[str, Any]]:
        """The log; lines torn by a kill are left out."""
        path = self.folder / "log.jsonl"
        found = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
            try:
                found.append(_restored(json.loads(line)))
            except json.JSONDecodeError:
                continue
        return found

    def save_results(self, results: Sequence[Result], *, published: Sequence[Published] = ()) -> None:
        """Store all results of the run and the published numbers, in place of those stored before."""
        _write_json(
            self.folder / "results.json",
            {
                "results": [_number_to_json(result) for result in results],
                "published": [_number_to_json(number) for number in published],
            },
        )

    def results(self) -> list[Result]:
        """The stored results; none yet is an empty list."""
        return self._numbers("results", Result)

    def published(self) -> list[Published]:
        """The published numbers stored with the results, comparable or not."""
        return self._numbers("published", Published)

    def save_figure(
        self,
        name: str,
        figure: "matplotlib.figure.Figure | bytes",
        *,
        title: str,
        caption: str,
        section: str,
        data: Mapping[str, ArrayLike],
    ) -> None:
        """Store a figure and the numbers drawn in it, then close it. The same figure gives the same bytes.

        Args:
            name: File name without ending. A figure of the same name is replaced.
            figure: Of matplotlib, or an SVG drawing.
            section: Heading of the report under which it stands.
            data: The columns drawn, of one length.
        """
        _check_name(name)
        table, drawing = _csv(data), figure if isinstance(figure, bytes) else _svg(figure)
        path = self._folder("figures") / name
        with _writing(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path.with_name(f"{path.name}.csv"), table.encode())
        write_atomically(path.with_name(f"{path.name}.svg"), drawing)
        entry = {"name": name, "title": title, "caption": caption, "section": section}
        index = {old["name"]: old for old in self._figure_index()} | {name: entry}
        _write_json(self.folder / "figures" / "index.json", list(index.values()))

    def figures(self) -> list[Figure]:
        """The stored figures in the order in which they were first saved."""
        folder = self.folder / "figures"
        found = []
        for entry in self._figure_index():
            with _reading(folder / "index.json"):
                name = entry["name"]
                _check_name(name)  # a foreign index must not lead outside the folder
                found.append(Figure(**entry, svg=folder / f"{name}.svg", csv=folder / f"{name}.csv"))
        return found

    def work(self, name: str) -> Path:
        """Folder for the products of one part of the run, as "train/seed-0"; it is made if need be."""
        _check_name(name)
        return self._folder(f"work/{name}")

    def mark_done(self, name: str, payload: Mapping[str, Any]) -> None:
        """Record that a part is finished, with what a resumed run must know of it."""
        _write_json(self.work(name) / "done.json", _plain(dict(payload)))

    def done(self, name: str) -> dict[str, Any] | None:
        """What `mark_done` recorded for a part, or None if it is not finished."""
        _check_name(name)
        path = self.folder / "work" / name / "done.json"
        return dict(_restored(_read_json(path))) if path.exists() else None

    def trained(self, name: str | None = None) -> list[Path]:
        """Folders of the parts that left a ``model.pt``, sorted; only that of `name` if one is given.

        Raises:
            InputError: There is none, or none of that name.
        """
        folders = {path.parent.name: path.parent for path in sorted(self.folder.glob("work/*/model.pt"))}
        if not folders:
            raise InputError(f"{self.folder} holds no trained model: finish it with femtobarn run --resume")
        if name is not None and name not in folders:
            raise InputError(f"the run has no model {name!r}: {nearest(name, folders)}")
        return list(folders.values()) if name is None else [folders[name]]

    def _save(self) -> None:
        _write_json(self.folder / "run.json", self._record)

    def _folder(self, name: str) -> Path:
        with _writing(self.folder):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        return self.folder / name

    def _figure_index(self) -> list[Any]:
        path = self.folder / "figures" / "index.json"
        return list(_read_json(path)) if path.exists() else []

    def _numbers(self, part: str, kind: type[R]) -> list[R]:
        path = self.folder / "results.json"
        if not path.exists():
            return []
        content = _read_json(path)
        with _reading(path):
            return [_number_from_json(kind, entry) for entry in content[part]]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        InputError: The folder cannot be written, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with _writing(path.parent):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            if temporary.exists():
                temporary.unlink()


def _new_folder(parent: Path) -> Path:
    """A folder that nobody else has: mkdir is the one test that two processes cannot both pass."""
    with _writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = parent / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        try:
            with _writing(folder):
                folder.mkdir()
        except InputError as error:
            if not isinstance(error.__cause__, FileExistsError):
                raise
        else:
            return folder


def _locked(file: io.TextIOWrapper) -> bool:
    """Take the lock if it is free; `Run.status` may hold it for a moment, so look more than once."""
    for _ in range(5):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Tell what the file system refuses in one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot write the run folder {folder}: {reason}; choose another with --out"
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Tell in one line that a file is valid JSON, but not what it should be."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError
        raise InputError(f"{path} is damaged: {error}") from error


def _write_json(path: Path, content: Any) -> None:
    write_atomically(
        path, (json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()
    )


def _plain(value: Any) -> Any:
    """Plain JSON: arrays become lists, NaN becomes null, and what is None is left out."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):  # NumPy and torch
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a run stores numbers, text, arrays and lists of them, got {type(value).__name__}")


def _restored(value: Any) -> Any:
    """What `_plain` was given: null is NaN again."""
    if isinstance(value, dict):
        return {key: _restored(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_restored(each) for each in value]
    if isinstance(value, str) and value in ("inf", "-inf"):
        return float(value)
    return math.nan if value is None else value


def _number_to_json(number: Result | Published) -> dict[str, Any]:
    plain = {key: value for key, value in to_dict(number).items() if value is not None}
    return plain | {key: None for key in ("value", "error") if plain.get(key) == "nan"}


def _number_from_json(kind: type[R], entry: Any) -> R:
    return from_dict(kind, {key: "nan" if value is None else value for key, value in entry.items()})


def _csv(data: Mapping[str, ArrayLike]) -> str:
    columns = {name: np.asarray(column) for name, column in data.items()}
    shapes = {column.shape for column in columns.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        got = ", ".join(f"{name} {column.shape}" for name, column in columns.items()) or "none"
        raise InputError(f"the numbers of a figure are columns of one length, got {got}")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return text.getvalue()


def _svg(figure: "matplotlib.figure.Figure") -> bytes:
    import matplotlib as mpl
    from matplotlib import pyplot
    from matplotlib.collections import PathCollection
    from matplotlib.lines import Line2D

    for points in figure.findobj(PathCollection):
        if isinstance(points, PathCollection) and len(np.asarray(points.get_offsets())) > _MANY_POINTS:
            points.set_rasterized(True)
    for line in figure.findobj(Line2D):
        if isinstance(line, Line2D) and len(np.asarray(line.get_xdata())) > _MANY_POINTS:
            line.set_rasterized(True)
    stream = io.BytesIO()
    try:
        # Fixed salt and no date: equal figures give equal files.
        with mpl.rc_context({"svg.hashsalt": "femtobarn", "svg.fonttype": "none"}):
            figure.savefig(stream, format="svg", dpi=150, metadata={"Date": None})
    finally:
        pyplot.close(figure)
    return stream.getvalue()


def _check_name(name: str) -> None:
    """Names become files: keep them inside the run folder and easy to type."""
    if not _NAME.fullmatch(name):
        raise InputError(f"a name in a run is letters, digits and . + - _ / inside, got {name!r}")


def _now(precision: str = "seconds") -> str:
    return datetime.now(UTC).isoformat(timespec=precision)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("femtobarn", *_PACKAGES):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _threads() -> int:
    """Threads that numerical work may use: what torch was told, if it is in use at all."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
