"""The run-time type checker of the test run: beartype, with an int allowed where a float is asked for.

A function is made ready when it is first called: each test process imports thousands and calls a few hundred.
"""

import functools
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments and result checked at every call."""
    ready: list[Callable[..., Any]] = []

    @functools.wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        if not ready:
            ready.append(_beartype(function))
        return ready[0](*arguments, **named)

    return checked
