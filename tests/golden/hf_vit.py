"""Writes hf_vit/: a small random ViTForImageClassification as save_pretrained of transformers writes it, and what it computes.

    python tests/golden/hf_vit.py tests/golden            (needs torch, safetensors, transformers 5.23)
    python tests/golden/hf_vit.py tests/golden FOLDER     checks that FOLDER, saved by Strata from hf_vit/, opens in transformers and computes the same

    hf_vit/config.json, model.safetensors    the checkpoint; images and patches are not square
    hf_vit/expected/golden.safetensors       pixels, logits
    hf_vit/expected/state_dict.safetensors   the same weights under the module names of transformers 5
"""
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

golden = pathlib.Path(sys.argv[1]) / "hf_vit"


def logits_of(model, pixels):
    with torch.no_grad():
        return model.eval()(pixel_values=pixels).logits


if len(sys.argv) > 2:
    expected = load_file(golden / "expected/golden.safetensors")
    model, report = transformers.ViTForImageClassification.from_pretrained(sys.argv[2], output_loading_info=True)
    print({key: value for key, value in report.items() if value})
    error = (logits_of(model, expected["pixels"]) - expected["logits"]).abs().max().item()
    print(f"largest difference of logits {error:.2e}; labels {model.config.id2label}")
    sys.exit(error > 1e-5)

torch.manual_seed(5)
names = ["red", "green", "blue", "héllo", "5"]
config = transformers.ViTConfig(hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, image_size=[8, 12], patch_size=[4, 3], num_channels=2,
                                id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)})
model = transformers.ViTForImageClassification(config)
with torch.no_grad():  # the usual start gives logits near zero, which would hide errors
    for name, value in model.named_parameters():
        value.add_(torch.randn_like(value) * (0.3 if value.dim() > 1 else 0.2))
pixels = torch.randn(3, 2, 8, 12)
model.save_pretrained(golden)
(golden / "expected").mkdir(exist_ok=True)
save_file({"pixels": pixels, "logits": logits_of(model, pixels)}, golden / "expected/golden.safetensors")
save_file(model.state_dict(), golden / "expected/state_dict.safetensors")
print(f"logits std {logits_of(model, pixels).std():.2f}; transformers {transformers.__version__}; {sorted(model.state_dict())[:6]}")
