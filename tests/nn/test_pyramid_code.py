"""The pyramid code: every frame has a number that gives it back, and quanta lie where the charge is."""

import shutil
from itertools import pairwise

import numpy as np
import pytest
import torch

from femtobarn.hardware.testbench import simulate
from femtobarn.nn.wafer_autoencoder import (
    Autoencoder,
    PyramidCode,
    ShareDecoder,
    pyramid_code,
    transmitted_sum,
)
from femtobarn.nn.wafer_autoencoder.pyramid_code import CELLS, PAYLOAD, Layout, integer_shares
from femtobarn.nn.wafer_autoencoder.pyramid_module import numbers_of, pyramid_module
from femtobarn.physics import wafer
from femtobarn.simulate.toy_wafers import toy_wafers


@pytest.fixture(scope="module")
def charge() -> torch.Tensor:
    return torch.from_numpy(toy_wafers(200, generator=np.random.default_rng(0))["charge"])


@pytest.mark.parametrize("links", CELLS)
def test_the_number_of_a_frame_fits_the_payload_and_gives_the_shares_back(
    links: int, charge: torch.Tensor
) -> None:
    code = pyramid_code(links)
    words = code.words(charge)
    assert max(words) < 2 ** PAYLOAD[links]
    assert PAYLOAD[links] + 12 == 32 * links
    torch.testing.assert_close(code.shares(words), code(charge), rtol=0, atol=0)
    assert len({tuple(row.tolist()) for row in code(charge)}) <= len(set(words))


@pytest.mark.parametrize("links", CELLS)
def test_one_quantum_more_would_not_fit(links: int) -> None:
    code = pyramid_code(links)
    room = 2 ** (PAYLOAD[links] - 2)
    for layout in code.layouts:
        assert layout.words <= room < layout._replace(quanta=layout.quanta + 1).words


def test_small_codes_number_every_frame_once() -> None:
    """All numbers of a code that can be listed are read, and read differently."""
    code = PyramidCode(13, (2,))
    cells, quanta = code.layouts[0]
    assert (cells, quanta) == (2, 3)
    assert code.layouts[0].words == 2**13
    words = [of_cells << 2 | bar for of_cells in range(48 * 47 // 2) for bar in range(quanta + 1)]
    frames = code.shares(words)
    torch.testing.assert_close(frames.sum(dim=1), torch.ones(len(frames)))
    again = [tuple(row.tolist()) for row in frames]
    # Only frames with a cell that got nothing can stand for more than one choice of cells.
    both = [row for row in again if sum(share > 0 for share in row) == 2]
    assert len(both) == len(set(both)) == 48 * 47 // 2 * (quanta - 1)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
@pytest.mark.parametrize("links", CELLS)
def test_the_module_gives_the_frames(links: int, charge: torch.Tensor) -> None:
    code = pyramid_code(links)
    sources = pyramid_module(code)
    some = torch.cat((torch.zeros(1, 48), torch.full((1, 48), 7.0), 1e3 * torch.eye(48)[:2], charge[:20]))
    inputs = integer_shares(some).numpy()
    inputs[0] = 0  # the module makes its own of an empty wafer
    found = simulate(sources, inputs)
    assert found.tolist() == numbers_of(code.words(some), sources.outputs)


@pytest.mark.parametrize("links", CELLS)
def test_quanta_up_to_a_border_follow_the_charge_up_to_it(links: int, charge: torch.Tensor) -> None:
    """What one cell gets too little the next one on the path gets too much."""
    code = pyramid_code(links)
    counts, layout = code.counts(charge)
    for number, (cells, quanta) in enumerate(code.layouts):
        shares = integer_shares(charge)[layout == number]
        for q, found in zip(shares, counts[layout == number], strict=True):
            assert found.sum() == quanta
            places = torch.sort(torch.argsort(code.path)[q.argsort(descending=True, stable=True)[:cells]])
            border = torch.cat((places.values[:-1] + places.values[1:], torch.tensor([2 * 47]))) // 2
            part = q[code.path].cumsum(0)[border] / q.sum()
            given = found[code.path].cumsum(0)[places.values]
            torch.testing.assert_close(given / quanta, part, rtol=0, atol=0.5 / quanta + 2.0**-12)
            assert (found[code.path].cumsum(0)[border] == given).all(), "others get nothing"
    assert len(layout.unique()) > 1


def test_the_path_goes_from_each_cell_to_one_that_touches_it() -> None:
    assert sorted(wafer.PATH) == list(range(wafer.CELLS))
    assert all(after in wafer.neighbours()[before] for before, after in pairwise(wafer.PATH))


@pytest.mark.parametrize("seed", range(3))
def test_one_quantum_is_given_to_a_cell_near_the_middle_of_the_charge(seed: int) -> None:
    """With a single quantum the code sends where half of the charge is passed, not the largest cell."""
    generator = torch.Generator().manual_seed(seed)
    charge = torch.rand(1, 48, generator=generator)
    code = PyramidCode(6, (48,))
    assert code.layouts == [Layout(48, 1)]
    counts, _ = code.counts(charge)
    upto = charge[0, code.path].cumsum(0) / charge.sum()
    assert counts[0, code.path].argmax() == (upto > 0.5).nonzero()[0]


def test_shares_are_those_of_the_charge_whatever_its_scale(charge: torch.Tensor) -> None:
    code = pyramid_code(3)
    torch.testing.assert_close(code(4 * charge), code(charge), rtol=0, atol=0)


def test_more_bits_bring_shares_nearer(charge: torch.Tensor) -> None:
    share = charge / charge.sum(dim=1, keepdim=True)
    astray = [float((pyramid_code(links)(charge) - share).abs().sum(dim=1).mean()) for links in CELLS]
    assert astray == sorted(astray, reverse=True)
    assert astray[-1] < 0.1


def test_an_empty_wafer_has_a_frame_like_any_other() -> None:
    code = pyramid_code(2)
    empty = torch.zeros(1, 48)
    assert code.words(empty)[0] < 2 ** PAYLOAD[2]
    assert code.encode(empty).total == 0
    model = Autoencoder(code, ShareDecoder(17))
    assert model.charges(empty, torch.ones(1), torch.ones(1)).abs().sum() == 0


def test_too_few_bits_for_the_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="20 bits cannot name the cells of every layout"):
        PyramidCode(20, (8, 48))


def test_an_untrained_decoder_leaves_the_shares(charge: torch.Tensor) -> None:
    code = pyramid_code(5)
    model = Autoencoder(code, ShareDecoder(code.layouts[-1].quanta))
    eta = torch.full((len(charge),), 2.0)
    image = model(charge, eta, 4.5 * eta)
    torch.testing.assert_close(image / image.sum(dim=1, keepdim=True), code(charge), rtol=0, atol=4e-3)
    total = transmitted_sum(charge.sum(dim=1))
    torch.testing.assert_close(model.charges(charge, eta, 4.5 * eta).sum(dim=1), total)
