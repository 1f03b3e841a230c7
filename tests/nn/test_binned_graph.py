"""Neighbours in bins: against brute force, order, padding, no waiting for numbers, and what the hash is worth."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from femtobarn.errors import InputError
from femtobarn.nn.binned_graph import BinnedGraph, Neighbours


def graph(bins: str = "hashed", *, size: int = 16, neighbours: int = 6, **more: float) -> BinnedGraph:
    torch.manual_seed(0)
    made = BinnedGraph(4, dimension=8, bin_size=size, neighbours=neighbours, bins=bins, dropout=0.0, **more)
    return made.double().eval()


def points(events: int, elements: int, seed: int = 1) -> Tensor:
    return torch.randn(
        events, elements, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def clustered(elements: int, seed: int = 1) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    centres = 5 * torch.randn(elements // 8, 4, generator=draw, dtype=torch.float64)
    around = 0.1 * torch.randn(elements, 4, generator=draw, dtype=torch.float64)
    return (centres.repeat_interleave(8, dim=0) + around)[None]


def lists(found: Neighbours, event: int, element: int) -> dict[int, float]:
    """Neighbours of an element and their weights."""
    there = found.there[event, element]
    index, weight = found.number[event, element][there], found.weight[event, element][there]
    return dict(zip(index.tolist(), weight.tolist(), strict=True))


def brute(
    place: Tensor, rows: list[int], element: int, count: int, steepness: float = 1.0
) -> dict[int, float]:
    """The nearest of some rows to an element, by sorting all distances."""
    apart = [
        (float((place[row] - place[element]).square().sum().clamp(min=1e-6).sqrt()), row) for row in rows
    ]
    return {row: float(torch.tensor(-steepness * d).double().exp()) for d, row in sorted(apart)[:count]}


@pytest.mark.parametrize("bins", ["hashed", "random", "one"])
def test_one_bin_gives_the_exact_neighbours(bins: str) -> None:
    made, x = graph(bins, size=40, steepness=0.7).requires_grad_(False), points(2, 40)
    mask = torch.arange(40) < torch.tensor([[40], [23]])
    found, place = made(x, mask), made.embed(x)
    for event, count in ((0, 40), (1, 23)):
        for element in range(count):
            expected = brute(place[event], list(range(count)), element, 6, 0.7)
            assert lists(found, event, element) == pytest.approx(expected, rel=1e-6)
    assert not found.there[1, 23:].any()
    assert not found.weight[1, 23:].any()


def test_in_many_bins_neighbours_are_the_nearest_of_the_own_bin() -> None:
    """Bins are told apart here by sorting keys and cutting them evenly, one event at a time."""
    made, x = graph().requires_grad_(False), points(2, 100)
    mask = torch.arange(100) < torch.tensor([[100], [37]])
    place = made.embed(x)
    (key, along), found = made.bin_of(place, mask), made(x, mask)
    for event, count in ((0, 100), (1, 37)):
        order = sorted(range(count), key=lambda row: (int(key[event, row]), float(along[event, row])))
        bins = -(-count // 16)
        for number in range(bins):
            start, stop = (-(-edge * count // bins) for edge in (number, number + 1))
            mine = order[start:stop]
            assert len(mine) <= 16
            for element in mine:
                assert lists(found, event, element) == pytest.approx(
                    brute(place[event], mine, element, 6), rel=1e-6
                )


def test_the_hash_is_the_direction_of_largest_projection_among_those_in_use() -> None:
    made, x = graph(), points(1, 100)
    mask = torch.ones(1, 100, dtype=torch.bool)
    along = (
        made.embed(x)[0] @ made.projection[:, :3]
    )  # 100 elements fill 7 bins, three directions and their opposites
    best = torch.cat((along, -along), dim=1).argmax(dim=1)
    key = made.bin_of(made.embed(x), mask)[0][0]
    torch.testing.assert_close(key, torch.where(best < 3, best, best - 3 + made.projection.shape[1]))


@given(seed=st.integers(0, 100), count=st.integers(0, 70))
def test_padding_changes_nothing(seed: int, count: int) -> None:
    made, x = graph(), points(1, count, seed)
    bare = made(x, torch.ones(1, count, dtype=torch.bool))
    longer = torch.cat((x, points(1, 30, seed + 1)), dim=1)
    padded = made(longer, torch.arange(count + 30)[None] < count)
    for element in range(count):
        assert lists(padded, 0, element) == pytest.approx(lists(bare, 0, element))
    assert not padded.there[0, count:].any()


def test_published_bins_hold_padding_too() -> None:
    x, mask = points(1, 64), torch.arange(64)[None] < 20
    ours, theirs = graph(size=32)(x, mask), graph(size=32, mask_padding=False)(x, mask)
    assert (ours.number[ours.there] < 20).all()
    assert (theirs.number[0, :20] >= 20).any()


@pytest.mark.parametrize("bins", ["hashed", "one"])
def test_order_does_not_matter(bins: str) -> None:
    made, x = graph(bins), points(1, 100)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(2))
    mask = torch.ones(1, 100, dtype=torch.bool)
    found, turned = made(x, mask), made(x[:, order], mask)
    for new, old in enumerate(order.tolist()):
        back = {int(order[row]): weight for row, weight in lists(turned, 0, new).items()}
        assert back == pytest.approx(lists(found, 0, old), rel=1e-9)


def _recall(found: Neighbours, exact: Neighbours) -> float:
    same = [set(lists(found, 0, e)) & set(lists(exact, 0, e)) for e in range(found.number.shape[1])]
    return sum(map(len, same)) / float(exact.there.sum())


def test_the_hash_finds_neighbours_of_clusters_and_random_bins_do_not() -> None:
    x = clustered(512)
    mask = torch.ones(1, 512, dtype=torch.bool)
    exact = graph("one", neighbours=8)(x, mask)
    hashed, random = (
        _recall(graph(bins, size=32, neighbours=8)(x, mask), exact) for bins in ("hashed", "random")
    )
    assert hashed > 0.3
    assert random < 0.25, "an element is its own neighbour, and one in sixteen others is in the bin"


def test_features_of_neighbours_are_gathered_event_by_event() -> None:
    made, x = graph(), points(3, 50)
    found = made(x, torch.ones(3, 50, dtype=torch.bool))
    said = found.of(x)
    for event, element in ((0, 3), (1, 49), (2, 0)):
        for at, row in enumerate(found.number[event, element].tolist()):
            torch.testing.assert_close(said[event, element, at], x[event, row])


def test_distances_teach_the_embedding() -> None:
    made, x = graph(), points(1, 40)
    made(x, torch.ones(1, 40, dtype=torch.bool)).weight.sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in made.embed.parameters())


def test_nothing_waits_for_a_number() -> None:
    """On tensors without content any look at a number fails, as ``.item()`` and shapes that data decide."""
    made = graph().to("meta")
    for bins in ("hashed", "one"):
        made.bins = bins  # type: ignore[assignment]
        mask = torch.ones(2, 50, dtype=torch.bool, device="meta")
        found = made(torch.zeros(2, 50, 4, dtype=torch.float64, device="meta"), mask)
        assert found.number.shape == (2, 50, 6)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(InputError, match="hashed, random, one"):
        graph("some")
    with pytest.raises(InputError, match="at least 1 element"):
        graph(size=0)
