"""The run-time type checker of the test run: beartype, with an int allowed where a float is asked for.

jaxtyping asks for two checks of each function: of its arguments before the call, and of all of them with the result
after it. Here the second is of the result alone; the sizes of the axes are remembered from the first. A check is made
when it is first needed: each test process imports thousands of functions and calls a few hundred.
"""

import functools
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

_beartype = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments, or its result, checked at every call."""
    hints = function.__annotations__
    if hints.get("return", Any) is not Any:
        function.__annotations__ = {"return": hints["return"]}
    ready: list[Callable[..., Any]] = []

    @functools.wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        if not ready:
            ready.append(_beartype(function))
        return ready[0](*arguments, **named)

    return checked
