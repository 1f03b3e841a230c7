"""What a room of the library offers: every name that is listed exists, and every layer is listed."""

import importlib
from pathlib import Path

import pytest

import femtobarn
from femtobarn import nn

ROOT = Path(femtobarn.__file__).parent
ROOMS = ("losses", "metrics", "nn", "nn.quantised", "physics", "plots", "hardware")


@pytest.mark.parametrize("room", ROOMS)
def test_every_name_that_a_room_lists_is_there(room: str) -> None:
    package = importlib.import_module(f"femtobarn.{room}")
    assert len(package.__all__) == len(set(package.__all__))
    scope: dict[str, object] = {}
    exec(f"from femtobarn.{room} import *", scope)
    assert set(package.__all__) <= set(scope)


@pytest.mark.parametrize("room", ["physics", "hardware"])
def test_rooms_of_modules_list_every_one(room: str) -> None:
    modules = {path.stem for path in (ROOT / room).glob("*.py") if not path.stem.startswith("_")}
    assert set(importlib.import_module(f"femtobarn.{room}").__all__) == modules


@pytest.mark.parametrize("path", sorted((ROOT / "nn").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_every_layer_has_its_line(path: Path) -> None:
    homes = {getattr(nn, name).__module__ for name in nn.__all__}
    assert f"femtobarn.nn.{path.stem}" in homes
