"""The summary on a terminal: numbers whole at every width, names shown as they are."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from femtobarn.report import print_summary
from femtobarn.runs import Result, Run


def _summary(root: Path, results: list[Result], width: int) -> str:
    run = Run.create(root, system="x", preset="tiny", settings={}, seed=1)
    run.save_results(results)
    text = io.StringIO()
    print_summary(run, Console(file=text, width=width, force_terminal=False))
    return text.getvalue()


def _words(text: str) -> str:
    """Without frames, line breaks and spaces."""
    return re.sub(r"[\s│┃┏┓┗┛┡┩└┘├┤━─┳╇┴]", "", text)


METHODS = [f"exact EMD, large decoder {k}" for k in range(2)]


@pytest.mark.parametrize("width", [240, 120, 80, 60, 40, 20, 8])
@pytest.mark.parametrize("more", [{}, {"input": "all observables of the jets"}])
def test_no_width_cuts_a_number(tmp_path: Path, width: int, more: dict[str, str]) -> None:
    results = [
        Result(
            "mean EMD", 1.0 + 0.01 * i + k, 0.02, "cell", labels={"method": method, "e-links": str(i), **more}
        )
        for k, method in enumerate(METHODS)
        for i in range(2, 9)
    ]
    seen = _summary(tmp_path, results, width)
    assert len(re.findall(r"\d\.\d+ ± 0\.020", seen)) == 14
    assert "…" not in seen
    # In a narrow list the words of a label stand below each other.
    words = {word.strip(",") for method in METHODS for word in method.split()}
    assert all(re.search(rf"\b{word}\b", seen) for word in words)
    assert "meanEMD[cell]" in _words(seen)


HOSTILE = ["[/nothing]", "gen[v2]", "[bold]gen", "_last", "cost$^^$", "<b>gen", "gen (1) ä", r"back\[slash]"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("labels", [1, 2, 3])
def test_a_name_is_shown_as_it_is(tmp_path: Path, name: str, labels: int) -> None:
    keys = [name, "b", "c"][:labels]
    result = Result(name, 1.25, 0.02, name, n=3, labels=dict.fromkeys(keys, name), error_kind=name)
    for width in (240, 10):
        assert _words(_summary(tmp_path, [result], width)).count(_words(name)) >= 3 + labels


@pytest.mark.parametrize("control", ["\x1b[31m", "\x00", "\x9b2J", "\udce9", "\u202e", "\r"])
def test_a_name_does_not_steer_the_terminal(tmp_path: Path, control: str) -> None:
    result = Result("x", 1.25, labels={"sample": f"a{control}b"})
    seen = _summary(tmp_path, [result], 240)
    assert control[0] not in seen
    seen.encode()  # a lone surrogate could not be
    assert "a\N{REPLACEMENT CHARACTER}" in seen
