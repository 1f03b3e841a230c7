"""Old names work for one minor release, and say where the new ones are."""

import re
import types

import pytest

from femtobarn import __version__, engine
from femtobarn.deprecation import moved
from femtobarn.engine import training


def test_an_old_name_works_and_names_the_new_one() -> None:
    with pytest.warns(
        DeprecationWarning, match=r"engine\.training\.fit is now femtobarn\.engine\.fit"
    ) as seen:
        assert training.fit is engine.fit
    removed = re.search(r"removed in femtobarn (\d+)\.(\d+)$", str(seen[0].message))
    assert removed is not None
    assert tuple(map(int, removed.groups())) > tuple(map(int, __version__.split(".")[:2]))


def test_an_unknown_name_is_an_attribute_error() -> None:
    module = types.ModuleType("some_module")
    module.__getattr__ = moved("some_module", {"old": "math.pi"}, removed_in="9.9")  # type: ignore[method-assign]
    with pytest.raises(AttributeError, match="module 'some_module' has no attribute 'other'"):
        module.other  # noqa: B018
    assert not hasattr(training, "no_such_name")
