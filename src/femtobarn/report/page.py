"""The report page of one run, or of several beside each other."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from femtobarn.errors import InputError, printable
from femtobarn.report.svg import inline_svg
from femtobarn.report.tables import Entry, describe, matrices, tables, value_cell
from femtobarn.runs import Figure, Published, Run, check_output, comparable, write_atomically
from femtobarn.settings import flatten

_LOG_TAIL = 25
_WIDE = 1.7  # a figure broader than so many times its height gets the whole width of the page


@dataclass(frozen=True)
class RunView:
    """What the page shows of one run; `letter` is empty where there is only one."""

    letter: str
    run: Run
    record: dict[str, Any]
    settings: dict[str, Any]
    status: str
    duration: str
    log: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FigureView:
    """A figure ready to stand in the page."""

    run: str
    title: str
    caption: str
    markup: Markup
    width: float
    wide: bool
    table: str
    file: str


@dataclass(frozen=True)
class Setting:
    """A setting in all runs; `differs` is true where they disagree."""

    name: str
    values: tuple[str, ...]
    differs: bool


def write_report(runs: Sequence[Run], path: Path) -> Path:
    """Write one page that shows the runs, complete in itself, and return its path.

    The page fetches nothing and runs no script but its own. Several runs stand beside each other:
    their results in common tables, settings that differ marked.

    Raises:
        InputError: There is no run, a file of a run is damaged, or the page cannot be written or would
            replace another file of a run.
    """
    if not runs:
        raise InputError("a report shows at least one run: none was given")
    check_output(path, replaces=["report.html"])
    letters = [_letter(index) for index in range(len(runs))] if len(runs) > 1 else [""]
    views = [_view(run, letter) for run, letter in zip(runs, letters, strict=True)]
    entries = [entry for view in views for entry in _entries(view)]
    script = _environment().get_template("page.js").render()
    page = (
        _environment()
        .get_template("page.html.j2")
        .render(
            views=views,
            systems=list(dict.fromkeys(run.record["system"] for run in runs)),
            summaries=list(dict.fromkeys(filter(None, (run.record.get("summary", "") for run in runs)))),
            matrices=matrices(entries),
            tables=tables(entries),
            unmatched=[number for view in views for number in _unmatched(view)],
            withheld=any(not _comparable(view.run) and view.run.published() for view in views),
            sections=_sections(views),
            settings=_compared([view.settings for view in views]),
            value_cell=value_cell,
            describe=describe,
            as_json=_json,
            as_date=_date,
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    write_atomically(path, page.encode())
    return path


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("femtobarn.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: Any) -> Any:
    """Texts of a run may come from outside: a browser takes no control characters."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else f"R{index + 1}"


def _view(run: Run, letter: str) -> RunView:
    record = {"summary": "", "command": "", "versions": {}, "machine": {}, "reason": "", **run.record}
    log = tuple(_log_line(event) for event in run.events()[-_LOG_TAIL:])
    return RunView(letter, run, record, _all_settings(run), run.status, _duration(run), log)


def _all_settings(run: Run) -> dict[str, Any]:
    """The settings with what else must be the same for the same results."""
    return {"preset": run.record["preset"], "seed": run.record["seed"], **run.settings}


def _duration(run: Run) -> str:
    """Time from start to end, as "1 h 02 min"; empty as long as the run has not ended."""
    start, end = (_instant(run.record.get(key)) for key in ("started", "ended"))
    if start is None or end is None:
        return ""
    minutes, seconds = divmod(int((end - start).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def _log_line(event: dict[str, Any]) -> tuple[str, str]:
    rest = {key: value for key, value in event.items() if key != "time"}
    text = "  ".join(
        f"{key} {value:.5g}" if type(value) is float else f"{key} {value}" for key, value in rest.items()
    )
    return str(event.get("time", ""))[11:19], text


def _comparable(run: Run) -> list[Published]:
    return [number for number in run.published() if comparable(run.data, number)]


def _entries(view: RunView) -> list[Entry]:
    published = _comparable(view.run)
    return [
        Entry(
            result,
            view.letter,
            view.run.data.name if view.run.data else "",
            tuple(number for number in published if result.data == "real" and number.matches(result)),
        )
        for result in view.run.results()
    ]


def _unmatched(view: RunView) -> list[Published]:
    """Published numbers on the same data that no result answers to."""
    results = [result for result in view.run.results() if result.data == "real"]
    return [
        number for number in _comparable(view.run) if not any(number.matches(result) for result in results)
    ]


def _sections(views: Sequence[RunView]) -> dict[str, list[FigureView]]:
    """Figures by section; those of one name from several runs follow each other."""
    sections: dict[str, dict[str, list[FigureView]]] = {}
    serial = count()
    for view in views:
        for figure in view.run.figures():
            shown = _figure(view.letter, figure, prefix=f"f{next(serial)}-")
            sections.setdefault(figure.section, {}).setdefault(figure.name, []).append(shown)
    return {
        section: [shown for same in names.values() for shown in same] for section, names in sections.items()
    }


def _figure(letter: str, figure: Figure, *, prefix: str) -> FigureView:
    try:
        drawing, table = figure.svg.read_bytes(), figure.csv.read_bytes()
    except OSError as error:
        raise InputError(
            f"the figure {figure.name} cannot be read: {error.strerror}: {error.filename}"
        ) from error
    markup, width, height = inline_svg(drawing, prefix=prefix, title=figure.title)
    return FigureView(
        run=letter,
        title=figure.title,
        caption=figure.caption,
        markup=markup,
        width=width,
        wide=width > _WIDE * height,
        table="data:text/csv;charset=utf-8;base64," + base64.b64encode(table).decode(),
        file=f"{figure.name.replace('/', '-')}.csv",
    )


def _compared(runs: Sequence[dict[str, Any]]) -> list[Setting]:
    """All settings that occur in the runs, the ones that differ first."""
    flat = [flatten(settings) for settings in runs]
    names = dict.fromkeys(name for settings in flat for name in settings)
    rows = []
    for name in names:
        values = tuple(_json(settings[name]) if name in settings else "" for settings in flat)
        rows.append(Setting(name, values, len(set(values)) > 1))
    return sorted(rows, key=lambda row: not row.differs)


def _json(value: object) -> str:
    """A setting as text: JSON, but words without quotes, and "none" for null."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _date(text: str) -> str:
    """A stored time for people: to the minute, in UTC."""
    instant = _instant(text)
    return f"{instant:%Y-%m-%d %H:%M} UTC" if instant else text


def _instant(text: object) -> datetime | None:
    """A stored time in UTC; None for what is no time."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return None
