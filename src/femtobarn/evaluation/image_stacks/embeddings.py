"""What the images of a stack are compared by without any training on them, from pixels to a network of ImageNet."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy import ndimage
from torch.nn import functional as F

from femtobarn.data.image_stack import ImageStack, scaled, stabilised
from femtobarn.evaluation.image_stacks.clusters import Embedding
from femtobarn.nn.efficientnet_lite import load_efficientnet_lite0
from femtobarn.nn.image_encoder import ImageEncoder
from femtobarn.physics.registration import moved, registered

PIXELS, MEDIAN, STABILISED = "pixels", "pixels, median filter", "stabilised pixels"
REGISTERED, PCA, FOURIER = "registered pixels", "PCA of pixels", "size of Fourier modes"
UNTRAINED = "untrained CNN"
POOLED, BLOCK = "ImageNet, pooled", "ImageNet, block 10"  #: EfficientNet-Lite0
PRETRAINED = (POOLED, BLOCK)  #: which need its weights
_COMPONENTS, _FILTER = 20, 3
_LAST = 15  # block of EfficientNet-Lite0

Embed = Callable[[ImageStack], Float[np.ndarray, "image ..."]]


def training_free(*, largest: int, seed: int) -> dict[str, Embed]:
    """Embeddings of a stack by their names; `image_clusters` compares their rows by cosine.

    Pixels: clipped and scaled. Median filter: of 3 x 3 pixels. Stabilised: roots under a
    blur of one pixel, without their mean. Registered: the same, shifted onto each other. ImageNet: EfficientNet-Lite0,
    averaged over the image, or its block 10 as 3 x 3 averages.

    Args:
        largest: Shift along each axis in pixels that is looked for.
        seed: Of the untrained network.
    """
    return {
        PIXELS: lambda stack: scaled(stack.counts, stack.inside),
        MEDIAN: lambda stack: ndimage.median_filter(
            scaled(stack.counts, stack.inside), (1, _FILTER, _FILTER)
        ),
        STABILISED: lambda stack: _without_mean(stabilised(stack.counts, stack.inside)),
        REGISTERED: lambda stack: _registered(stack, largest),
        PCA: _components,
        FOURIER: lambda stack: np.abs(np.fft.rfft2(scaled(stack.counts, stack.inside))),
        UNTRAINED: lambda stack: _untrained(stack, seed),
        POOLED: lambda stack: _of_imagenet(stack, _LAST, 1),
        BLOCK: lambda stack: _of_imagenet(stack, 10, 3),
    }


def onto_each_other(stack: ImageStack, largest: int) -> ImageStack:
    """The stack with its images moved onto each other by whole pixels; see `registered`."""
    found = registered(stabilised(stack.counts, stack.inside), largest=largest)
    return ImageStack(moved(stack.counts, found.shift), stack.inside, stack.name, stack.label)


def _without_mean(images: np.ndarray) -> Float[np.ndarray, "image row column"]:
    return images - images.mean(axis=(1, 2), keepdims=True)


def _registered(stack: ImageStack, largest: int) -> Float[np.ndarray, "image row column"]:
    images = stabilised(stack.counts, stack.inside)
    return _without_mean(moved(images, registered(images, largest=largest).shift))


def _components(stack: ImageStack) -> Embedding:
    pixels = scaled(stack.counts, stack.inside).reshape(len(stack), -1).astype(float)
    left, size, _ = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)
    return (left * size)[:, :_COMPONENTS]


def _untrained(stack: ImageStack, seed: int) -> Embedding:
    """Features of random weights, normalised over the stack as in training."""
    torch.manual_seed(seed)
    with torch.inference_mode():
        return ImageEncoder(torch.from_numpy(stack.inside)).train()(torch.from_numpy(_scaled(stack))).numpy()


def _of_imagenet(stack: ImageStack, block: int, side: int) -> Embedding:
    network = load_efficientnet_lite0((block,))
    with torch.inference_mode():
        found = [
            F.adaptive_avg_pool2d(network(each), side)
            for each in torch.split(torch.from_numpy(_scaled(stack)), 256)
        ]
    return torch.cat(found).flatten(1).numpy()


def _scaled(stack: ImageStack) -> np.ndarray:
    return scaled(stack.counts, stack.inside)
