"""Extension of griffe: "Example:" in a docstring is a section of code, as "Examples:" is."""

from typing import Any

from griffe import Extension, Object


class Examples(Extension):
    """Renames the section before it is read."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called for every module, class and function."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("Example:\n", "Examples:\n")
