"""The pyramid code: every frame has a number that gives it back, and quanta lie where the charge is."""

import numpy as np
import pytest
import torch

from femtobarn.nn.wafer_autoencoder import (
    Autoencoder,
    PyramidCode,
    ShareDecoder,
    pyramid_code,
    transmitted_sum,
)
from femtobarn.nn.wafer_autoencoder.pyramid_code import CELLS, PAYLOAD
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
    """All numbers of a code that can be listed are read, and read differently, without a gap."""
    code = PyramidCode(12, (2,))
    assert code.layouts[0].words <= 2**12
    frames = code.shares(list(range(code.layouts[0].words)))
    torch.testing.assert_close(frames.sum(dim=1), torch.ones(len(frames)))
    again = [tuple(row.tolist()) for row in frames]
    # Only frames with a cell that got nothing can stand for more than one choice of cells.
    both = [row for row in again if sum(share > 0 for share in row) == 2]
    assert len(both) == len(set(both)) == 48 * 47 // 2 * (code.layouts[0].quanta - 1)


@pytest.mark.parametrize("links", CELLS)
def test_no_cell_is_a_quantum_off_its_part_of_what_is_kept(links: int, charge: torch.Tensor) -> None:
    code = pyramid_code(links)
    counts, layout = code.counts(charge)
    for number, (cells, quanta) in enumerate(code.layouts):
        mine = layout == number
        q, found = charge[mine].double(), counts[mine]
        assert (found.sum(dim=1) == quanta).all()
        order = q.argsort(dim=1, descending=True, stable=True)[:, :cells]
        kept = torch.zeros_like(q).scatter(1, order, q.gather(1, order))
        assert ((found - quanta * kept / kept.sum(dim=1, keepdim=True)).abs() < 1).all()
    assert (counts[charge == 0] == 0).all(), "a cell without charge gets nothing"
    assert len(layout.unique()) > 1


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
