"""An encoder of two small layers with its word pieces, in the files of a published one."""

import json
from pathlib import Path

import pytest
import torch

from femtobarn.nn.text_encoder import TextEncoder

WORDS = (
    "we",
    "need",
    "water",
    "help",
    "please",
    "send",
    "food",
    "to",
    "the",
    "road",
    "is",
    "open",
    "in",
    "mill",
    "street",
)
SIZES = {
    "vocab_size": len(WORDS) + 5, "max_position_embeddings": 40, "hidden_size": 12, "num_hidden_layers": 2,
    "num_attention_heads": 3, "intermediate_size": 20, "layer_norm_eps": 1e-12,
    "model_type": "bert", "hidden_act": "gelu",
}  # fmt: skip


def published_names(encoder: TextEncoder) -> dict[str, torch.Tensor]:
    """The weights as a file of BERT calls them."""
    outside = {
        "word": "embeddings.word_embeddings", "position": "embeddings.position_embeddings",
        "segment": "embeddings.token_type_embeddings", "norm": "embeddings.LayerNorm",
    }  # fmt: skip
    inside = {
        "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
        "out": "attention.output.dense", "norm_attention": "attention.output.LayerNorm", "wide": "intermediate.dense",
        "narrow": "output.dense", "norm_output": "output.LayerNorm",
    }  # fmt: skip
    found = {}
    for name, value in encoder.state_dict().items():
        parts = name.split(".")
        if parts[0] == "layers":
            found[f"encoder.layer.{parts[1]}.{inside[parts[2]]}.{parts[3]}"] = value
        else:
            found[f"{outside[parts[0]]}.{parts[1]}"] = value
    return found | {
        "pooler.dense.weight": torch.zeros(12, 12),
        "embeddings.position_ids": torch.arange(40)[None],
    }


def write_encoder(folder: Path, *, seed: int = 0) -> TextEncoder:
    """Write the files of an encoder with weights that nobody trained; give the encoder."""
    tokenizers, safetensors = pytest.importorskip("tokenizers"), pytest.importorskip("safetensors.torch")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = TextEncoder(
            words=len(WORDS) + 5, positions=40, width=12, layers=2, heads=3, inner=20
        ).eval()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(SIZES))
    safetensors.save_file(published_names(encoder), folder / "model.safetensors")
    vocabulary = {word: i for i, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS))}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.enable_padding(length=40)  # as published files do, which must not matter
    made.save(str(folder / "tokenizer.json"))
    return encoder
