"""The plan of the house, enforced: who may import whom, what a system offers, what an import costs."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import femtobarn
from femtobarn import recipe as recipes
from femtobarn.runs import Published
from femtobarn.settings import from_dict, to_dict

ROOT = Path(femtobarn.__file__).parent
LIBRARY = {"physics", "nn", "losses", "metrics", "qubo", "hardware", "plots", "data", "datasets", "simulate"}
WORKSHOP = {
    "engine",
    "evaluation",
    "generator_loop",
    "parts",
    "runs",
    "settings",
    "study",
    "report",
    "recipe",
    "bulk",
}
#: Rooms that every other one may import, and that import none.
GROUND = {"errors", "compiled", "deprecation"}
#: What each room may import besides itself; the bottom rooms first.
ALLOWED = {
    **{room: set() for room in GROUND},
    "settings": GROUND | {"parts"},
    "parts": GROUND,
    **{room: LIBRARY | GROUND | {"settings", "parts"} for room in LIBRARY},
    **{room: LIBRARY | WORKSHOP | GROUND | {"systems"} for room in WORKSHOP - {"settings", "parts"}},
    "systems": LIBRARY | WORKSHOP | GROUND,
    "chain": LIBRARY | WORKSHOP | GROUND,
    "cli": LIBRARY | WORKSHOP | GROUND | {"chain"},
    "__main__": {"cli"},
}


def _imports(path: Path) -> set[str]:
    """Dotted names inside femtobarn that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("femtobarn.")}


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    room = parts[0]
    if room == "__init__":
        assert not _imports(path)
        return
    for name in _imports(path):
        target = name.split(".")[1]
        if target == "__version__":
            continue
        assert target == room or target in ALLOWED[room], f"{room} must not import {name}"
        if room == target == "systems":
            assert name.split(".")[2] == parts[1], f"systems never import each other: {path} imports {name}"
        if room == "recipe" and target == "systems":
            assert name == "femtobarn.systems", "the recipe protocol knows no system by name"


def test_every_room_is_known() -> None:
    rooms = {
        p.name.removesuffix(".py")
        for p in ROOT.iterdir()
        if p.suffix == ".py" or (p / "__init__.py").exists()
    }
    assert rooms - {"__init__"} <= set(ALLOWED)


SYSTEMS = list(recipes.all_systems().values())


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda s: s.name)
def test_each_system_offers_what_the_protocol_asks_for(system: recipes.System) -> None:
    assert system.summary
    assert len(system.summary) < 120
    recipe = system.recipe()
    assert set(recipes.PRESETS) <= set(recipe.PRESETS)
    for config in recipe.PRESETS.values():
        assert isinstance(config, recipe.Config)
        assert isinstance(config.seed, int)
        assert from_dict(recipe.Config, to_dict(config)) == config
    assert recipe.Config.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert all(isinstance(number, Published) and number.source and number.data for number in recipe.PUBLISHED)
    wanted = {
        "load": ["config", "progress"],
        "train": ["config", "data", "run", "progress"],
        "evaluate": ["config", "data", "trained", "run", "progress"],
        "predict": ["run", "files", "output", "model", "progress"],
    }
    for name, parameters in wanted.items():
        assert list(inspect.signature(getattr(recipe, name)).parameters) == parameters


def _loaded_by(statement: str) -> set[str]:
    script = f"import sys; {statement}; print(*(n for n in sys.modules if '.' not in n))"
    return set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
    )


def test_import_and_list_cost_nothing() -> None:
    assert not _loaded_by("import femtobarn") & {"numpy", "torch", "numba", "matplotlib"}
    listed = _loaded_by("from femtobarn.cli import execute; execute(['list'])")
    assert "femtobarn" in listed
    assert not listed & {"torch", "numba", "matplotlib", "pytorch_lightning"}
