"""Turns and reflections of images: groups, and nothing lost."""

import torch

from femtobarn.nn.turned_images import randomly_turned, turned


def test_turns_and_flips_undo_themselves() -> None:
    x = torch.rand(4, 1, 72, 58)
    yes, none = torch.ones(4, dtype=torch.bool), torch.zeros(4, dtype=torch.int64)
    assert torch.equal(turned(turned(x, none, yes), none, yes), x)
    assert torch.equal(turned(x, none + 72, ~yes), x)
    assert torch.equal(turned(x, none, yes), x.flip(3))
    assert torch.equal(turned(x, none + 8, ~yes), x.roll(8, dims=2))
    steps = torch.tensor([8, -8, 56, 0])
    assert torch.equal(turned(turned(x, steps, yes), -steps, yes), x)


def test_random_ways_keep_every_pixel_and_are_all_there() -> None:
    torch.manual_seed(1)
    one = torch.rand(1, 1, 72, 58)
    made = randomly_turned(one.expand(600, -1, -1, -1))
    torch.testing.assert_close(made.sum(dim=(1, 2, 3)), one.sum().expand(600), rtol=1e-5, atol=1e-2)
    ways = {step: [one.roll(step, dims=2), one.roll(step, dims=2).flip(3)] for step in range(-56, 57, 8)}
    counts = [0, 0, 0, 0]  # straight, turned, flipped, both
    for image in made:
        match = [(step, i) for step, pair in ways.items() for i in (0, 1) if torch.equal(pair[i][0], image)]
        assert match
        step, flip = match[0]
        counts[2 * flip + (step != 0)] += 1
    expected = [100, 200, 100, 200]
    assert all(abs(got - want) < 4 * want**0.5 for got, want in zip(counts, expected, strict=True)), counts
