"""Vision transformers saved by transformers open here, compute the same, and go back unchanged."""

import pytest
import safetensors.torch
import strata
import torch

transformers = pytest.importorskip("transformers", reason="./check slow installs it")

SMALL = dict(hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=80, image_size=32, patch_size=8)
TINY = dict(hidden_size=192, num_hidden_layers=12, num_attention_heads=3, intermediate_size=768)
SIZES = {
    "small": SMALL,
    "no qkv bias": dict(SMALL, qkv_bias=False),
    "one channel, one layer": dict(SMALL, num_channels=1, num_hidden_layers=1),
    "not square": dict(SMALL, image_size=[24, 40], patch_size=[4, 8]),
    "own eps, two classes": dict(SMALL, layer_norm_eps=1e-3, num_labels=2),
    "one head": dict(SMALL, num_attention_heads=1),
    "Ti/16": dict(TINY, num_labels=1000),
    "Ti/16, no qkv bias": dict(TINY, num_labels=1000, qkv_bias=False),
    "S/16": dict(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536, num_labels=1000),
    "B/32": dict(patch_size=32, num_labels=10),
}


def lively(config):
    """Random weights away from the usual start, whose logits near zero would hide errors; logits of about 1."""
    torch.manual_seed(7)
    model = transformers.ViTForImageClassification(config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            scale = 0.2 if value.dim() != 2 else 0.7 / value.shape[-1] ** 0.5
            value.add_(torch.randn_like(value) * scale)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_parity(size, tmp_path):
    theirs = lively(transformers.ViTConfig(**SIZES[size]))
    theirs.save_pretrained(tmp_path / "theirs")
    ours = strata.open(tmp_path / "theirs")
    config = ours.config
    pixels = torch.randn(2, config["image_channels"], config["image_height"], config["image_width"])
    with torch.no_grad():
        want = theirs(pixels).logits
        got = ours(pixels)
    print(f"{size}: largest difference {(got - want).abs().max():.1e} of logits up to {want.abs().max():.2f}")
    assert want.abs().max() > 0.3
    torch.testing.assert_close(got, want, rtol=0, atol=1e-5)

    ours.save(tmp_path / "ours")
    again, report = transformers.ViTForImageClassification.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report.values()), report
    for name, value in theirs.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    files = ((tmp_path / whose / "model.safetensors").read_bytes() for whose in ("theirs", "ours"))
    assert next(files) == next(files)
    of_files = {"transformers_version", "_name_or_path", "architectures", "dtype"}
    configs = [{key: value for key, value in model.config.to_dict().items() if key not in of_files} for model in (theirs, again)]
    assert configs[0] == configs[1]
    assert again.config.architectures == ["ViTForImageClassification"]


@pytest.mark.slow
@pytest.mark.parametrize("style", ["saved", "state_dict"])
def test_a_trunk_without_a_head(style, tmp_path):
    """A ViTModel: under the names of files and of modules."""
    theirs = lively(transformers.ViTConfig(**SMALL)).vit
    theirs.save_pretrained(tmp_path)
    if style == "state_dict":
        safetensors.torch.save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    ours = strata.open(tmp_path)
    pixels = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        want, got = theirs(pixels).last_hidden_state, ours(pixels)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-5)
    ours.save(tmp_path / "ours")
    again = transformers.ViTModel.from_pretrained(tmp_path / "ours", add_pooling_layer=False)
    with torch.no_grad():
        torch.testing.assert_close(again(pixels).last_hidden_state, want, rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("dtype, tolerance", [(torch.float16, 1e-5), (torch.bfloat16, 1e-5), (torch.float64, 1e-12)])
def test_other_types(dtype, tolerance, tmp_path):
    """Weights of 16 bits become float32, those of 64 stay."""
    theirs = lively(transformers.ViTConfig(**SMALL)).to(dtype)
    theirs.save_pretrained(tmp_path)
    ours = strata.open(tmp_path)
    pixels = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        want = theirs.to(wide)(pixels.to(wide)).logits
        torch.testing.assert_close(ours(pixels), want, rtol=0, atol=tolerance)
