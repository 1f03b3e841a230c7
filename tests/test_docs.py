"""What the documentation says is true: its code runs, its commands work, its tables and picture are up to date."""

import ast
import doctest
import importlib
import importlib.util
import io
import json
import pkgutil
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

import femtobarn.losses
import femtobarn.plots
from femtobarn import recipe as recipes
from femtobarn.chain import carry_out
from femtobarn.cli import execute
from femtobarn.evaluation import jets, score_files, showers
from femtobarn.runs import Provenance, Published, Result, Run

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SOURCE = Path(femtobarn.__file__).parent


def _script(name: str) -> ModuleType:
    """A script of the documentation, as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)  # the scripts import each other
        spec.loader.exec_module(module)
    return module


SYSTEMS = {path.parent.name.replace("_", "-"): path.parent for path in SOURCE.glob("systems/*/__init__.py")}
tables, house, menu, gallery, notebooks = map(_script, ("tables", "house", "pages", "gallery", "notebooks"))
PAGES = {str(path.relative_to(ROOT)): path for path in tables.pages()}
each_page = pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
NOTEBOOKS = DOCS / "notebooks"
each_page_run = pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=pytest.mark.slow if p.parent == NOTEBOOKS else ()) for p in PAGES.values()],
    ids=PAGES,
)


# Code and commands


class Block(NamedTuple):
    """A piece of code in a page: its language, its text, the line it starts at."""

    language: str
    text: str
    line: int


def _blocks(text: str) -> list[Block]:
    fences = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(found[1], found[2], text[: found.start()].count("\n") + 2) for found in fences]


class _UnderstoodError(Exception):
    """A command was understood, and stopped before it did anything."""


def _try(command: str, monkeypatch: pytest.MonkeyPatch, *, of_system: bool) -> None:
    """Carry out a command of a page. A run or evaluation is only begun: up to where its work would start.

    The page of a system speaks of runs of that system; they are not there, so its commands are only understood.
    """

    def begun(*_: Any, **__: Any) -> Run:
        raise _UnderstoodError

    verb, *arguments = shlex.split(command)[1:]
    with monkeypatch.context() as patch:
        if verb in ("run", "chain", "evaluate") or (of_system and verb in ("predict", "export", "report")):
            patch.setattr(recipes, "start", begun)
            patch.setattr(recipes, "carry_out", begun)
            patch.setattr(carry_out, "start", begun)
            patch.setattr(jets, "evaluate_jets", begun)
            patch.setattr(showers, "evaluate_showers", begun)
            patch.setattr(score_files, "evaluate_scores", begun)
            patch.setattr(Run, "open", begun)
            with pytest.raises(_UnderstoodError):
                assert execute([verb, *arguments]) == 0, command
        else:
            assert execute([verb, *arguments]) == 0, command


@each_page_run
def test_code_and_commands_work(
    path: Path, tiny_run: Callable[[str], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From top to bottom, in one folder and one namespace; the run that the pages call RUN is there."""
    import matplotlib

    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_run("emd-compression").folder, "RUN")
    names: dict[str, Any] = {"__name__": "page"}
    printed = ""
    for block in _blocks(path.read_text()):
        place = f"{path.name}, line {block.line}"
        if block.language == "text":  # what the code before it prints
            assert block.text == printed, place
        elif block.language == "python":
            output = io.StringIO()
            with redirect_stdout(output):
                exec(compile("\n" * (block.line - 1) + block.text, str(path), "exec"), names)
            printed = output.getvalue()
        else:
            assert block.language == "sh", f"{place}: what is {block.language}?"
            for line in block.text.splitlines():
                if line.startswith("femtobarn "):
                    _try(line, monkeypatch, of_system=SOURCE in path.parents)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_notebook_for_jupyter_is_its_page(path: Path) -> None:
    """Its code and what it prints, cell by cell; each page has words before its code, and something printed."""
    page = path.read_text()
    made = json.loads(json.dumps(notebooks.notebook(page)))
    assert (made["nbformat"], len({cell["id"] for cell in made["cells"]})) == (4, len(made["cells"]))
    assert made["cells"][0]["cell_type"] == "markdown"
    code = [cell for cell in made["cells"] if cell["cell_type"] == "code"]
    told = [
        ("".join(cell["source"]), "".join("".join(out["text"]) for out in cell["outputs"])) for cell in code
    ]
    blocks = [block for block in _blocks(page) if block.language in ("python", "text")]
    assert "".join(f"{source}{printed}" for source, printed in told) == "".join(
        block.text for block in blocks
    )
    assert any(printed for _, printed in told)


def test_the_pages_have_code() -> None:
    languages = {
        name: {block.language for block in _blocks(path.read_text())} for name, path in PAGES.items()
    }
    assert languages["README.md"] == {"python", "text", "sh"}
    assert languages["docs/your-data.md"] == {"python", "text", "sh"}
    assert "python" in languages["docs/index.md"] & languages["docs/emd.md"]


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name, path in PAGES.items():
        for command in re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", path.read_text(), re.MULTILINE):
            assert set(filter(None, command)) <= targets, name


# Examples in docstrings


def _documented() -> Iterator[tuple[str, str, str, int]]:
    """Module, name, text and line of every docstring of the package that has an example.

    They are read from the source: doctest's own search passes over functions behind a decorator or compiler.
    """
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                if ">>>" in text:
                    yield module, getattr(node, "name", ""), text, getattr(node, "lineno", 1)


EXAMPLES = list(_documented())


@pytest.mark.parametrize(
    ("module", "name", "text", "line"), EXAMPLES, ids=[f"{m}.{n}" for m, n, *_ in EXAMPLES]
)
def test_examples_in_docstrings(module: str, name: str, text: str, line: int) -> None:
    found = importlib.import_module(module)
    example = doctest.DocTestParser().get_doctest(
        text, dict(vars(found)), f"{module}.{name}", found.__file__, line
    )
    assert example.examples
    said = io.StringIO()
    result = doctest.DocTestRunner(verbose=False).run(example, out=said.write)
    assert result.failed == 0, said.getvalue()


def test_the_reference_names_what_there_is_and_leaves_no_loss_or_plot_out() -> None:
    named = re.findall(r"^::: ([\w.]+)$", (DOCS / "api.md").read_text(), re.MULTILINE)
    found = [pkgutil.resolve_name(name) for name in named]
    for package in (femtobarn.losses, femtobarn.plots):
        for name in package.__all__:
            assert any(getattr(package, name) is each for each in found), f"docs/api.md lacks {name}"


# Links


def _anchors(text: str) -> set[str]:
    """The addresses of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.is_file(), f"{path.name}: {target}"
        if anchor:
            assert anchor in _anchors(linked.read_text()), f"{path.name}: {target}"


def test_every_page_is_in_the_menu() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
    filled = menu.on_config({"nav": [{"Quick start": "index.md"}, {"Systems": []}]})["nav"]
    assert filled[1]["Systems"] == [{name: f"systems/{name}.md"} for name in sorted(SYSTEMS)]


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_has_a_page_that_leads_through_its_files(name: str) -> None:
    text = (SYSTEMS[name] / "README.md").read_text()
    assert text.startswith(f"# {name}\n")
    for file in SYSTEMS[name].glob("[a-z]*.py"):
        assert f"`{file.name}`" in text, f"the reading order leaves out {file.name}"


# What is generated


def test_picture_of_the_house_is_up_to_date() -> None:
    drawn = house.picture(house.rooms(), house.imports())
    assert house.PICTURE.read_text() == drawn, "run: python docs/house.py"


def test_every_room_is_drawn_and_every_import_is_an_arrow() -> None:
    drawn = house.PICTURE.read_text()
    rooms, pairs = house.rooms(), house.imports()
    assert {"cli", "systems", "engine", "runs", "report", "losses", "physics"} <= rooms.keys()
    assert {("systems", "losses"), ("cli", "recipe"), ("report", "runs")} <= pairs
    for room in rooms:
        assert f">{room}<" in drawn
    for one, other in pairs:
        assert other in house.GROUND or f"<title>{one} imports {other}</title>" in drawn


def test_arrows_of_the_house_point_down() -> None:
    for arrow in house.arrows(house.imports(), house.boxes(house.rooms())):
        heights = [y for _, y in arrow.points]
        assert heights == sorted(heights)
        assert arrow.points[0] != arrow.points[-1]


def test_a_room_without_a_place_is_told() -> None:
    with pytest.raises(ValueError, match="attic"):
        house.boxes({"attic": ()})


@each_page
def test_tables_are_those_of_the_stored_results(path: Path) -> None:
    text = path.read_text()
    assert tables.rendered(text) == text, "run: python docs/tables.py"


def _results() -> list[Result]:
    common: dict[str, Any] = {"n": 1200, "split": "test", "error_kind": "bootstrap over showers"}
    mean = [
        ("exact EMD", "2", 1.5, (1, 2)),
        ("exact EMD", "5", 0.9, (1, 2)),
        ("exact EMD, large decoder", "5", 0.8, (1, 2)),
        ("pyramid code, trained decoder", "5", 0.6, (1, 2)),
        ("pyramid code", "5", 0.7, ()),
        ("best choice, logarithmic shares", "5", 1.1, ()),
        ("MSE", "5", 1.25, (1, 2)),
        ("best choice", "5", 0.5, ()),
        ("repeater", "", 0.045, ()),
    ]
    ratio = {"method": "MSE", "relative to": "exact EMD", "e-links": "5"}
    return [
        *(
            Result(
                "mean EMD",
                value,
                0.011,
                "cell",
                labels={"method": method, "e-links": links},
                seeds=seeds,
                **common,
            )
            for method, links, value, seeds in mean
        ),
        Result("ratio of mean EMD", 1.389, 0.02, labels=ratio, seeds=(1, 2), **common),
        Result("learned EMD", 0.31, 0.01, "cell", labels={"quantity": "EMD of a wafer and itself"}, **common),
    ]


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run with made-up results, and a place of its own for stored ones."""
    monkeypatch.setattr(tables, "RESULTS", tmp_path / "results")
    run = Run.create(tmp_path, system="emd-compression", preset="demo", settings={}, seed=1)
    run.set_data(Provenance("stand-in", "hgcal", "made up"))
    paper = Published("mean EMD", 1.2, 0.1, "cell", {}, "hgcal", "arXiv:0000.00000")
    run.save_results(_results(), published=[paper])
    run.finish("done")
    return run


PAGE = """before
<!-- table results emd-compression "mean EMD" -->
old
<!-- /table -->
between
<!-- table results emd-compression "ratio of mean EMD" -->
<!-- /table -->
<!-- table results emd-compression "learned EMD" -->
<!-- /table -->
"""


def _cells(table: str) -> list[list[str]]:
    table = table.replace("\u00a0", " ")
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows]


def test_tables_show_value_error_rate_and_what_must_be_known(made_up: Run) -> None:
    tables.store(made_up)
    page = tables.rendered(PAGE)
    rows = _cells(page)
    assert rows[0] == ["method", "2 e-links", "5 e-links", "any e-links"]
    assert rows[2] == ["exact EMD", "1.500 ± 0.011", "0.900 ± 0.011", ""]
    assert rows[9] == ["repeater", "", "", "0.045 ± 0.011"]
    assert ["MSE", "exact EMD", "1.389 ± 0.020"] in rows
    assert ["EMD of a wafer and itself", "0.310 ± 0.010 cell"] in rows
    for words in (
        "Stand-in data",
        "made up",
        "n = 1200",
        "training seeds 1, 2",
        "bootstrap over showers",
        "Preset `demo`",
    ):
        assert words in page
    assert "old" not in page
    assert page.startswith("before\n")
    assert "\nbetween\n" in page
    assert tables.rendered(page) == page


def test_published_numbers_stand_beside_the_same_data_only(made_up: Run) -> None:
    tables.store(made_up)
    assert "0000.00000" not in tables.rendered(PAGE) + tables.systems()
    made_up.set_data(Provenance("real", "hgcal", "made up"))
    made_up.save_results(
        [Result(**{**vars(r), "data": "real"}) for r in _results()], published=made_up.published()
    )
    tables.store(made_up)
    assert "0000.00000" in tables.rendered(PAGE)
    assert "0000.00000" in tables.systems()
    made_up.set_data(Provenance("real", "own wafers"))
    tables.store(made_up)
    assert "0000.00000" not in tables.rendered(PAGE) + tables.systems()


def test_table_of_systems_has_our_number_and_the_baselines(made_up: Run) -> None:
    assert len(_cells(tables.systems())) == 2 + len(recipes.all_systems())
    tables.store(made_up)
    (row,) = (cells for cells in _cells(tables.systems()) if cells[0] == "`emd-compression`")
    assert "mean EMD [cell], stand-in" in row[2]
    assert "0.600 ± 0.011 (pyramid code, trained decoder, 5 e-links)" in row[2]
    assert "1.100 ± 0.011 (best choice, logarithmic shares, 5 e-links)" in row[3]


def test_the_gallery_has_a_figure_of_every_stored_system(
    made_up: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery.tables, "RESULTS", tables.RESULTS)
    system = recipes.all_systems()[made_up.record["system"]]
    assert gallery.figure(system) is None
    assert f"gallery/{system.name}.svg" not in gallery.page()
    tables.store(made_up)
    drawn = (gallery.figure(system) or b"").decode()
    ours, *_ = system.recipe().HEADLINE.ours
    assert all(text in drawn for text in ours.values() if text)
    assert f"gallery/{system.name}.svg" in gallery.page()
    assert f"femtobarn run {system.name} demo" in gallery.page()


def test_a_plain_copy_of_the_results_will_do(made_up: Run) -> None:
    tables.RESULTS.mkdir()
    text = (made_up.folder / "results.json").read_text()
    (tables.RESULTS / "emd-compression.json").write_text(text)
    assert ["exact EMD", "1.500 ± 0.011", "0.900 ± 0.011", ""] in _cells(tables.rendered(PAGE))


def test_table_of_losses_has_time_and_accuracy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BENCHMARKS", tmp_path)
    assert tables.benchmark_losses() == ""
    exact = {"us per pair": 9.0, "ratio to exact": 1.0, "near": {"mean": 0.0, "sigma": 0.0, "n": 2000}}
    off = {"mean": -0.1331, "sigma": 0.0456, "n": 2000}
    content = {
        "machine": {"processor": "a processor"},
        "rounds": 9,
        "pairs in a batch": 500,
        "learned": {"training pairs": 60_000, "CPU seconds": 32.0, "itself": 0.1818},
        "methods": {
            "exact": exact,
            "sinkhorn": exact | {"us per pair": 21.93, "ratio to exact": 2.41, "far": off},
        },
    }
    (tmp_path / "emd_losses.json").write_text(json.dumps(content))
    rows = _cells(tables.benchmark_losses())
    assert rows[2] == ["exact", "9 (× 1)", "+0.0 % ± 0.0 %", ""]
    assert rows[3] == ["sinkhorn", "21.9 (× 2.4)", "+0.0 % ± 0.0 %", "-13.3 % ± 4.6 %"]
    assert "0.18 on average" in tables.benchmark_losses()


def test_table_of_exact_distances_has_times_and_ratios(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "BENCHMARKS", tmp_path)
    assert tables.benchmark_exact() == ""
    ours = {"us per pair": 7.96, "fastest": 7.6, "ratio to ours": 1.0}
    peer = {"us per pair": 15_834.0, "fastest": 261.0, "ratio to ours": 974.6, "largest difference": 1.2e-14}
    rows = {"ours": ours, "POT": peer}
    content = {
        "machine": {"processor": "a processor"},
        "rounds": 9,
        "pairs in a batch": 500,
        "tables": {"two wafers": rows, "a wafer and its decoded image": rows, "points": {"ours": ours}},
    }
    (tmp_path / "emd.json").write_text(json.dumps(content))
    table = tables.benchmark_exact()
    cells = _cells(table)
    assert cells[0] == ["µs per pair", "two wafers", "a wafer and its decoded image"]
    assert cells[3] == ["POT", "15,800 (× 970)", "15,800 (× 970)"]
    assert cells[4] == ["µs per pair", "points"]
    assert "1e-14" in table


def test_without_results_tables_are_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    assert _cells(tables.rendered(PAGE)) == []
    assert "old" not in tables.rendered(PAGE)


def test_a_run_that_is_not_finished_is_not_stored(made_up: Run) -> None:
    made_up.finish("failed")
    with pytest.raises(ValueError, match="failed"):
        tables.store(made_up)


def test_stored_results_are_of_systems_that_exist() -> None:
    for path in tables.RESULTS.glob("*.json"):
        assert path.stem in {*recipes.all_systems(), "chain"}
        assert json.loads(path.read_text())["results"]
