"""Histograms with a ratio panel: the numbers drawn, against NumPy and by hand."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot

from femtobarn import plots
from femtobarn.errors import InputError

mpl.use("Agg")


def _draw(reference: np.ndarray, samples: dict[str, np.ndarray], bins: list[float]) -> dict[str, np.ndarray]:
    with plots.style():
        figure, (main, below) = pyplot.subplots(2, 1)
        drawn = plots.ratio_histograms(main, below, reference, samples, bins, label="real")
        figure.canvas.draw()
        legend = list(main.get_legend_handles_labels()[1])
        colours = [handle.get_edgecolor() for handle in main.patches[2:]]
        pyplot.close(figure)
    assert legend == ["real", *samples]
    assert len(set(map(tuple, colours))) == len(samples), "a colour for each"
    return drawn


def test_shares_ratios_and_their_errors() -> None:
    reference, sample = np.array([0.5, 0.5, 1.5, 9.0]), np.array([0.5, 1.5, 1.5, 1.5, 2.5])
    drawn = _draw(reference, {"a": sample}, [0, 1, 2, 3])
    mine = {name: column[drawn["sample"] == "a"] for name, column in drawn.items()}
    np.testing.assert_array_equal(mine["entries"], [1, 3, 1])
    np.testing.assert_allclose(mine["share"], [0.2, 0.6, 0.2])
    np.testing.assert_allclose(mine["ratio"], [0.4, 2.4, np.nan], err_msg="of all, inside the bins or not")
    np.testing.assert_allclose(mine["ratio error"], [0.2 / 0.5, 0.2 * np.sqrt(3) / 0.25, np.nan])


def test_a_sample_of_the_same_scatters_around_one_as_its_errors_say() -> None:
    generator = np.random.default_rng(0)
    bins = np.linspace(-2, 2, 41).tolist()
    drawn = _draw(generator.normal(size=1_000_000), {"same": generator.normal(size=20_000)}, bins)
    same = drawn["sample"] == "same"
    pull = (drawn["ratio"][same] - 1) / drawn["ratio error"][same]
    assert 0.7 < pull.std() < 1.3
    assert abs(pull.mean()) < 0.5


@pytest.mark.parametrize(
    ("reference", "bins", "words"),
    [([1.0, np.nan], [0, 1], "1 not finite"), ([], [0, 1], "shape"), ([1.0], [1, 0], "rising")],
)
def test_bad_input_is_refused(reference: list[float], bins: list[float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        _draw(np.array(reference), {}, bins)


def test_a_sample_named_as_the_reference_is_another_sample() -> None:
    draw = np.random.default_rng(2)
    reference, sample, bins = draw.normal(size=500), draw.normal(0.5, 1, 500), np.linspace(-3, 3, 7)
    ratios = {}
    with plots.style():
        for name in ("real", "generated"):
            figure, (main, below) = pyplot.subplots(2)
            drawn = plots.ratio_histograms(
                main,
                below,
                reference,
                {name: sample, "third": sample},
                bins,
                label="real",
                weights={name: 250.0},
            )
            ratios[name] = drawn["ratio"]
            assert len(set(drawn["sample"])) == len(main.get_legend_handles_labels()[1]) == 3
            pyplot.close(figure)
    np.testing.assert_array_equal(ratios["real"], ratios["generated"])


@pytest.mark.parametrize("colours", [None, [(0.1, 0.2, 0.3), (0.4, 0.5, 0.6, 0.7)], ["0.5", "tab:red"]])
def test_axes_of_any_colours_will_do(colours: list[object] | None) -> None:
    figure, (main, below) = pyplot.subplots(2)  # not in our style
    if colours:
        main.set_prop_cycle(color=colours)
    x = np.random.default_rng(3).normal(size=100)
    plots.ratio_histograms(main, below, x, {"a": x, "b": x}, [-1, 0, 1], label="real")
    figure.canvas.draw()
    drawn = [mpl.colors.to_rgba(handle.get_edgecolor()) for handle in main.patches[2:]]
    pyplot.close(figure)
    expected = colours or mpl.rcParams["axes.prop_cycle"].by_key()["color"][:2]
    assert drawn == [mpl.colors.to_rgba(each) for each in expected]
