"""Images cut into square patches and put together again."""

from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError


def cut_patches(
    images: Float[Tensor, "image height width"], size: int
) -> Float[Tensor, "image row column size size"]:
    """The patches that tile each image; a view where the memory allows it.

    A second grid that cuts no defect where the first one does is that of ``images[:, half:-half, half:-half]``.

    Raises:
        InputError: The sides are no multiples of the size.
    """
    height, width = images.shape[1:]
    if size < 1 or height % size or width % size:
        raise InputError(f"expected images of whole patches of {size} pixels, got {height} x {width}")
    grid = images.reshape(images.shape[0], height // size, size, width // size, size)
    return grid.transpose(2, 3)


def join_patches(
    patches: Float[Tensor, "image row column size size"],
) -> Float[Tensor, "image height width"]:
    """The images that `cut_patches` cut."""
    return patches.transpose(2, 3).flatten(3, 4).flatten(1, 2)
