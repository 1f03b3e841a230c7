import base64
import csv
import io
import json
import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot

from femtobarn import plots
from femtobarn.errors import InputError
from femtobarn.report import write_report
from femtobarn.runs import Provenance, Published, Result, Run

mpl.use("Agg")

REAL = Provenance(kind="real", name="ttbar v11", source="record 1", files={"a.csv": "f" * 64})
STAND_IN = Provenance(
    kind="stand-in", name="wafers", source="generator", generator={"wafers": 10, "mix": {"e": 0.5}}
)
HOSTILE = (
    """<script>window.hacked = 1</script>"'</style><img src=http://x.invalid/a onerror="window.hacked = 2">"""
)


def results(data: str) -> list[Result]:
    cells = [(method, links) for method in ("MSE", "exact EMD", "best choice") for links in ("2", "3", "5")]
    # Values fall with the row number, and one of them is not a number.
    values = [np.nan if i == 4 else 10.0 - i for i in range(len(cells))]
    return [
        Result(
            "mean EMD",
            value,
            0.05,
            "pitch",
            4800,
            "validation",
            data,
            {"method": m, "links": k},
            (0, 1),
            "rms",
        )
        for value, (m, k) in zip(values, cells, strict=True)
    ] + [Result("weights", 2144.0, data=data)]


PUBLISHED = (
    Published(
        "mean EMD", 1.165, 0.04, "pitch", {"method": "MSE", "links": "5"}, "ttbar v11", "2306.04712, Table 1"
    ),
    Published("power", 95.0, None, "mW", {}, "ttbar v11", "2105.01683, abstract"),
)


def made_up(
    root: Path, data: Provenance, text: str = "a & b", settings: dict[str, object] | None = None
) -> Run:
    """A finished run with a table, a matrix, figures and a log."""
    settings = settings or {"train": {"lr": 1e-3, "note": text, "clip": None}, text: 1}
    run = Run.create(root, system="emd-compression", preset="tiny", settings=settings, seed=1, summary=text)
    run.set_data(replace(data, source=text))
    run.save_results(results(data.kind), published=PUBLISHED)
    generator = np.random.default_rng(0)
    with plots.style():
        figure, axes = pyplot.subplots(1, 2, figsize=(7.6, 3.5))
        for ax in axes:
            drawn = plots.wafer_display(ax, generator.gamma(0.3, 5.0, 48))
        run.save_figure("wafers", figure, title="Wafers", caption=text, section="Images", data=drawn)
        figure, ax = pyplot.subplots()
        drawn = plots.band_profile(
            ax, generator.uniform(0, 5, 500), generator.normal(size=500), range(6), label="x"
        )
        ax.set_xlabel(text.replace("$", ""))
        run.save_figure("profile", figure, title=text, caption="C", section=text, data=drawn)
        figure, ax = pyplot.subplots()
        x = generator.normal(size=6000)
        ax.scatter(x, x)
        run.save_figure("points", figure, title="Points", caption="C", section=text, data={text: x[:9]})
    for epoch in range(30):
        run.log(event=text, epoch=epoch, loss=np.nan)
    run.finish("done", reason=text)
    return run


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made_up(tmp_path_factory.mktemp("stand-in"), STAND_IN)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made_up(
        tmp_path_factory.mktemp("real"), REAL, settings={"train": {"lr": 2e-3, "clip": None}, "new": 5}
    )


@pytest.fixture(scope="module")
def page(stand_in: Run) -> Path:
    return write_report([stand_in], stand_in.folder / "report.html")


def copy_of(run: Run, place: Path) -> Run:
    return Run.open(shutil.copytree(run.folder, place / "copy"))


# ---------------------------------------------------------------- what the page says


def test_the_page_refers_to_nothing_outside(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    targets = re.findall(r'\b(?:src|href|action|srcset)="([^"]*)"', html)
    assert targets
    assert all(target.startswith(("#", "data:")) for target in targets)
    assert "default-src 'none'" in html
    assert "@import" not in html


def test_the_drawn_numbers_come_with_the_figure(page: Path, stand_in: Run) -> None:
    html = page.read_text(encoding="utf-8")
    links = re.findall(r'href="data:text/csv;charset=utf-8;base64,([^"]+)" download="([^"]+)"', html)
    stored = [(figure.csv.read_text(encoding="utf-8"), f"{figure.name}.csv") for figure in stand_in.figures()]
    assert [(base64.b64decode(link).decode(), name) for link, name in links] == stored
    assert len(list(csv.reader(io.StringIO(stored[0][0])))) == 49


def test_a_published_number_stands_only_beside_the_same_real_data(
    page: Path, real: Run, tmp_path: Path
) -> None:
    on_stand_in = page.read_text(encoding="utf-8")
    assert "STAND-IN" in on_stand_in
    assert "REAL DATA" not in on_stand_in
    assert "2306.04712" not in on_stand_in
    assert "Published numbers are not shown" in on_stand_in
    on_real = unescape(write_report([real], tmp_path / "real.html").read_text(encoding="utf-8"))
    assert "REAL DATA" in on_real
    assert "STAND-IN" not in on_real
    assert "1.165 ± 0.040 (2306.04712, Table 1)" in on_real
    assert "power, 95 mW (2105.01683, abstract)." in re.sub(r"\s+", " ", on_real)  # no result answers to it
    assert "Published numbers are not shown" not in on_real


def test_a_result_from_a_stand_in_within_a_real_run_is_not_compared(real: Run, tmp_path: Path) -> None:
    run = copy_of(real, tmp_path)
    run.save_results([replace(each, data="stand-in") for each in results("real")], published=PUBLISHED)
    html = write_report([run], tmp_path / "report.html").read_text(encoding="utf-8")
    assert "(2306.04712, Table 1)" in html  # said to be without counterpart
    assert ">published<" not in html


def test_several_runs_are_told_apart(stand_in: Run, real: Run, tmp_path: Path) -> None:
    html = write_report([stand_in, real], tmp_path / "both.html").read_text(encoding="utf-8")
    different, _, same = html.partition("The same in all runs")
    rows = re.findall(
        r'<tr class="differs"><th [^>]*>([^<]*)</th><td [^>]*>([^<]*)</td><td [^>]*>([^<]*)</td>', different
    )
    assert ("train.lr", "0.001", "0.002") in rows
    assert ("new", "", "5") in rows
    assert "train.clip" not in {row[0] for row in rows}
    assert '<th scope="row" class="mono">train.clip</th><td class="mono">none</td>' in same
    assert html.count('<figure class="drawing') == 6
    assert "<strong>A: Wafers.</strong>" in html
    assert "<strong>B: Wafers.</strong>" in html


def test_the_same_runs_give_the_same_page(stand_in: Run, page: Path, tmp_path: Path) -> None:
    assert write_report([stand_in], tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_a_run_with_nothing_yet_has_a_page(tmp_path: Path) -> None:
    run = Run.create(tmp_path, system="x", preset="tiny", settings={}, seed=0)
    html = write_report([run], tmp_path / "report.html").read_text(encoding="utf-8")
    assert "NOT RECORDED" in html
    assert "running" in html


def test_mistakes_are_told_in_one_line(stand_in: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one run"):
        write_report([], tmp_path / "report.html")
    run = copy_of(stand_in, tmp_path)
    with pytest.raises(InputError, match=r"cannot write the run folder .*missing: No such file"):
        write_report([run], tmp_path / "missing" / "report.html")
    run.figures()[0].svg.unlink()
    with pytest.raises(InputError, match="the figure wafers cannot be read: No such file"):
        write_report([run], tmp_path / "report.html")


# ---------------------------------------------------------------- how the page behaves


def visit(browser, page: Path, *, width: int = 1280, dark: bool = False) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.devtools("Emulation.setDeviceMetricsOverride", **size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.devtools("Emulation.setEmulatedMedia", features=[scheme])
    browser.open(page)


def test_the_browser_fetches_nothing_and_complains_of_nothing(browser, page: Path) -> None:
    visit(browser, page)
    assert browser.console() == []
    asked = browser.requests()
    assert asked[0] == page.as_uri()
    assert all(address.startswith("data:") for address in asked[1:])


def test_every_figure_is_seen(browser, page: Path) -> None:
    visit(browser, page)
    boxes = browser.run("""
        return [...document.querySelectorAll("figure.drawing svg")].map((svg) => {
          const shapes = [...svg.querySelectorAll("path, use, image, text")];
          const drawn = shapes.filter((each) => { const b = each.getBBox(); return b.width + b.height > 0; });
          const box = svg.getBoundingClientRect();
          return [box.width, box.height, drawn.length];
        })""")
    assert len(boxes) == 3
    assert all(width > 300 and height > 200 and drawn > 10 for width, height, drawn in boxes)
    ids = browser.run("return [...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))


COLUMN = """
const [column] = arguments;
const body = document.querySelector("table.sortable").tBodies[0];
return [...body.querySelectorAll("tr:not(.group)")].map((row) => row.cells[column].textContent)
"""


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_tables_sort(browser, page: Path, by: str) -> None:
    visit(browser, page)
    browser.run("for (const each of document.querySelectorAll('details')) each.open = true")

    def sort(column: int) -> str:
        button = f"document.querySelectorAll('table.sortable th button')[{column}]"
        browser.run(f"{button}.{'click' if by == 'mouse' else 'focus'}()")
        if by == "keyboard":
            browser.press("\ue007")  # Enter
        return browser.run(f"return {button}.closest('th').getAttribute('aria-sort')")

    assert browser.run(COLUMN, 0)[0] == "MSE"
    assert sort(2) == "ascending"
    values = browser.run(COLUMN, 2)
    assert values == [f"{value:.3f} ± 0.050" for value in (2, 3, 4, 5, 7, 8, 9, 10)] + ["n/a"]
    assert sort(2) == "descending"
    assert browser.run(COLUMN, 2) == [*values[-2::-1], "n/a"]
    assert sort(0) == "ascending"
    assert browser.run(COLUMN, 0) == sorted(["MSE", "exact EMD", "best choice"] * 3, key=str.lower)
    assert browser.run("return document.querySelectorAll('[aria-sort]').length") == 1
    assert browser.run("return document.querySelector('tr.group').textContent.trim()") == "mean EMD [pitch]"


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_never_scrolls_sideways(
    browser, page: Path, stand_in: Run, real: Run, tmp_path: Path, width: int
) -> None:
    for each in (page, write_report([stand_in, real], tmp_path / "both.html")):
        visit(browser, each, width=width)
        browser.run("for (const each of document.querySelectorAll('details')) each.open = true")
        assert browser.run("return document.documentElement.scrollWidth") == width


def test_figures_keep_a_white_ground_in_the_dark(browser, page: Path) -> None:
    visit(browser, page, dark=True)
    ground = "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor"
    assert browser.run(ground, "figure.drawing .card") == "rgb(255, 255, 255)"
    dark = [int(part) for part in re.findall(r"\d+", browser.run(ground, "body"))]
    assert max(dark) < 50


def test_everything_is_open_on_paper(browser, page: Path) -> None:
    visit(browser, page)
    closed = "return document.querySelectorAll('details:not([open])').length"
    before = browser.run(closed)
    assert before > 0
    browser.run("window.addEventListener('beforeprint', () => { window.shut = " + closed[7:] + "; })")
    pdf = browser.devtools("Page.printToPDF", preferCSSPageSize=True)["data"]
    assert base64.b64decode(pdf).startswith(b"%PDF")
    assert browser.run("return window.shut") == 0
    assert browser.run(closed) == before


def test_text_from_a_run_stays_text(browser, tmp_path: Path) -> None:
    run = made_up(tmp_path, STAND_IN, text=HOSTILE)
    run.save_results(
        [replace(each, name=HOSTILE, labels={HOSTILE: HOSTILE}) for each in results("stand-in")[:1]]
    )
    visit(browser, write_report([run], tmp_path / "hostile.html"))
    assert browser.run("return window.hacked") is None
    assert browser.run("return [document.scripts.length, document.styleSheets.length]") == [1, 1]
    assert browser.console() == []
    assert all(not address.startswith("http") for address in browser.requests())
    shown = browser.run("return document.body.innerText")
    assert shown.count("<script>window.hacked") >= 6


CONTROLS = "a\x00b\x1b[31mc\x9b2Jd\ud800e\ufffef\u202eg"


def poisoned(value: object, text: str) -> object:
    """Every text in plain JSON replaced, keys too; what its reader needs stays."""
    if isinstance(value, dict):
        kept = {key: value[key] for key in value.keys() & {"format", "started", "ended", "kind"}}
        changed = {
            key if key in KNOWN else f"{key}{text}": poisoned(each, text) for key, each in value.items()
        }
        return changed | kept
    if isinstance(value, list):
        return [poisoned(each, text) for each in value]
    return text if isinstance(value, str) else value


KNOWN = {
    *("system", "preset", "settings", "seed", "status", "data", "summary", "command", "reason", "machine"),
    *("versions", "device", "cpu", "threads", "kind", "name", "source", "files", "generator"),
    *("results", "published", "value", "error", "unit", "n", "split", "labels", "seeds", "error_kind"),
    *("title", "caption", "section", "time", "event"),
}


def poison(run: Run, text: str) -> Run:
    """The run with that text in every field of every file."""
    for name in ("run.json", "results.json", "figures/index.json"):
        content = json.loads((run.folder / name).read_text())
        changed = poisoned(content, text)
        if name == "figures/index.json":
            changed = [new | {"name": old["name"]} for new, old in zip(changed, content, strict=True)]
        if name == "results.json":
            changed["results"] = [each | {"data": "stand-in"} for each in changed["results"]]
        (run.folder / name).write_text(json.dumps(changed))
    lines = (run.folder / "log.jsonl").read_text().splitlines()
    events = [json.dumps(poisoned(json.loads(line), text)) for line in lines]
    (run.folder / "log.jsonl").write_text("\n".join(events) + "\n")
    return Run.open(run.folder)


@pytest.mark.parametrize("text", [HOSTILE, CONTROLS, f"{{{{ 7 * 7 }}}}{HOSTILE}{CONTROLS}"])
@pytest.mark.parametrize("others", [0, 1])
def test_text_in_any_field_stays_text(browser, stand_in: Run, tmp_path: Path, text: str, others: int) -> None:
    run = poison(copy_of(stand_in, tmp_path), text)
    path = write_report([run, *[stand_in] * others], tmp_path / "page.html")
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f-\x9f]", path.read_text(encoding="utf-8"))
    visit(browser, path)
    assert browser.run("return window.hacked") is None
    assert browser.run("return [document.scripts.length, document.styleSheets.length]") == [1, 1]
    assert browser.console() == []
    assert all(not address.startswith("http") for address in browser.requests())
    assert "7 * 7" not in text or "49" not in browser.run("return document.querySelector('h1').innerText")


@pytest.mark.parametrize(
    "text", [CONTROLS, HOSTILE, "$a^^$", "_x", "\ud800", "a\rb", "x" * 5000, "[/nothing]", ""]
)
def test_any_label_makes_a_figure_that_a_page_can_show(tmp_path: Path, text: str) -> None:
    run = Run.create(tmp_path, system="x", preset="tiny", settings={text: text}, seed=1, summary=text)
    figure, axes = pyplot.subplots()
    axes.plot([1, 2], label=f"l{text}".replace("$", ""))
    axes.set_title(text.replace("$", ""))
    axes.legend()
    run.save_figure(
        "a", figure, title=text, caption=text, section=text, data={text: [text, "b"], "y": [1, 2]}
    )
    run.save_results([Result(text, 1.0, unit=text, split=text, labels={text: text}, error_kind=text)])
    run.log(event=text)
    run.finish("done", reason=text)
    write_report([Run.open(run.folder)], tmp_path / "page.html")
    with (run.folder / "figures" / "a.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 3


@pytest.mark.parametrize("value", ["yesterday", "", "2026-13-01"])
def test_a_damaged_time_is_shown_as_it_is(stand_in: Run, tmp_path: Path, value: str) -> None:
    run = copy_of(stand_in, tmp_path)
    record = json.loads((run.folder / "run.json").read_text())
    for field in ("started", "ended"):
        (run.folder / "run.json").write_text(json.dumps(record | {field: value}))
        html = write_report([Run.open(run.folder)], tmp_path / "page.html").read_text(encoding="utf-8")
        assert field == "ended" or value in html  # of the end only the duration is shown
