"""A run folder, open for reading and writing."""

import json
import os
import secrets
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from femtobarn.errors import InputError, nearest
from femtobarn.runs import figures, machine
from femtobarn.runs.files import (
    check_name,
    own_folder,
    own_path,
    plain,
    read_json,
    reading,
    restored,
    write_json,
    writing,
)
from femtobarn.runs.format import FORMAT, check_record
from femtobarn.runs.lock import in_use, locked
from femtobarn.runs.records import (
    DataKind,
    Figure,
    N,
    Provenance,
    Published,
    Result,
    Status,
    from_json,
    to_json,
)
from femtobarn.runs.svg import csv_text, svg_bytes
from femtobarn.settings import check_machine, to_dict

if TYPE_CHECKING:
    import matplotlib.figure


class Run:
    """A run folder, open for reading and writing. Make one by `Run.create` or `Run.open`."""

    def __init__(self, folder: Path, record: dict[str, Any]) -> None:
        self.folder = folder
        self._record = record
        self.device = "cpu"  #: where networks chosen from it compute; no part of the record

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
            InputError: The folder cannot be written, or a setting asks for what this machine does not have.
        """
        check_name(system)
        check_machine({"seed": seed})
        check_machine(settings)
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
                "started": machine.now(),
                "command": shlex.join(sys.argv if command is None else command),
                "versions": machine.versions(),
                "machine": {"device": device, "cpu": machine.cpu(), "threads": machine.threads()},
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
        path = own_path(folder, "run.json")
        if not path.is_file():
            raise InputError(f"{folder} is not a run: it has no run.json")
        record = read_json(path)
        check_record(record, folder)
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
        """Origin of the data, None as long as it is not recorded."""
        data = self._record.get("data")
        return Provenance(**data) if data else None

    @property
    def kind(self) -> DataKind:
        """Kind of the data; "stand-in" as long as their origin is not recorded."""
        return self.data.kind if self.data else "stand-in"

    @property
    def status(self) -> str:
        """Status of the run; "interrupted" if its process was killed."""
        status = str(self._record["status"])
        return "interrupted" if status == "running" and in_use(self.folder) is False else status

    def lock(self) -> AbstractContextManager[None]:
        """Lock the run for this process while the context lasts.

        Raises:
            InputError: Another process works on it; the message names it.
        """
        return locked(self.folder)

    def set_data(self, data: Provenance) -> None:
        """Record the origin of the data."""
        self._record["data"] = asdict(data)
        self._save()

    def finish(self, status: Status, *, reason: str = "") -> None:
        """Record how the run ended, and when."""
        self._record |= {"status": status, "ended": machine.now(), "reason": reason}
        self._save()

    def resume(self) -> None:
        """Set the status of an ended run back to "running", and log it."""
        self._record |= {"status": "running"}
        self._record.pop("ended", None)
        self._record.pop("reason", None)
        self._save()
        self.log(event="resumed")

    def log(self, **fields: Any) -> None:
        """Append an event to the log with its time: numbers, text, arrays, and lists and dicts of them."""
        line = json.dumps({"time": machine.now("milliseconds"), **plain(fields)}, allow_nan=False)
        path = self._path("log.jsonl")
        with writing(self.folder), path.open("ab+") as file:
            if file.tell():  # a kill may have left half a line
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else "\n" + line
            file.write(line.encode() + b"\n")

    def events(self) -> list[dict[str, Any]]:
        """The log; lines torn by a kill are left out."""
        path = self._path("log.jsonl")
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ()
        found = []
        for line in lines:
            try:
                event = restored(json.loads(line))
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                found.append(event)
        return found

    def save_results(self, results: Sequence[Result], *, published: Sequence[Published] = ()) -> list[Result]:
        """Store all results of the run and the published numbers, in place of those stored before.

        Returns:
            The results as stored: those that name no kind of data get that of the run.
        """
        kind = self.kind
        stamped = [replace(result, data=result.data or kind) for result in results]
        write_json(
            self._path("results.json"),
            {
                "results": [to_json(result) for result in stamped],
                "published": [to_json(number) for number in published],
            },
        )
        return stamped

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
        check_name(name)
        table, drawing = csv_text(data), figure if isinstance(figure, bytes) else svg_bytes(figure)
        texts = {"title": title, "caption": caption, "section": section}
        figures.save(self.folder, name, drawing=drawing, table=table, texts=texts)

    def figures(self) -> list[Figure]:
        """The stored figures in the order in which they were first saved."""
        return figures.stored(self.folder)

    def work(self, name: str) -> Path:
        """Folder for the products of one part of the run, as "train/seed-0"; it is made if need be."""
        check_name(name)
        return own_folder(self.folder, f"work/{name}")

    def mark_done(self, name: str, payload: Mapping[str, Any]) -> None:
        """Record that a part is finished, with the data that a resumed run needs."""
        write_json(self.work(name) / "done.json", plain(dict(payload)))

    def done(self, name: str) -> dict[str, Any] | None:
        """What `mark_done` recorded for a part, or None if it is not finished."""
        check_name(name)
        path = self._path(f"work/{name}/done.json")
        if not path.exists():
            return None
        content = read_json(path)
        with reading(path):
            return dict(restored(content))

    def trained(self, name: str | None = None) -> list[Path]:
        """Folders of the parts that left a ``model.pt``, sorted; only that of `name` if one is given.

        Raises:
            InputError: There is none, or none of that name.
        """
        found = sorted(self.folder.glob("work/*/model.pt"))
        models = [self._path(path.relative_to(self.folder)) for path in found]
        folders = {path.parent.name: path.parent for path in models}
        if not folders:
            raise InputError(f"{self.folder} holds no trained model: finish it with femtobarn run --resume")
        if name is not None and name not in folders:
            raise InputError(f"the run has no model {name!r}: {nearest(name, folders)}")
        return list(folders.values()) if name is None else [folders[name]]

    def check_files(self) -> None:
        """Check that the folder holds files and folders of its own only, before work in it goes on.

        Raises:
            InputError: There is a symbolic link, a pipe or a device in it.
        """
        for folder, folders, files in os.walk(self.folder):
            for name in (*folders, *files):
                self._path(Path(folder, name).relative_to(self.folder))

    def _save(self) -> None:
        write_json(self._path("run.json"), self._record)

    def _path(self, name: str | Path) -> Path:
        return own_path(self.folder, name)

    def _numbers(self, part: str, kind: type[N]) -> list[N]:
        path = self._path("results.json")
        if not path.exists():
            return []
        content = read_json(path)
        with reading(path):
            return [from_json(kind, entry) for entry in content[part]]


def _new_folder(parent: Path) -> Path:
    """A folder that nobody else has: mkdir is the one test that two processes cannot both pass."""
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = parent / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        try:
            with writing(folder):
                folder.mkdir()
        except InputError as error:
            if not isinstance(error.__cause__, FileExistsError):
                raise
        else:
            return folder
