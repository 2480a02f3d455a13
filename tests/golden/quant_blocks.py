"""Blocks of every quantised type, and what the gguf package makes of them in both directions: pip install gguf==0.19.0 safetensors numpy

    python tests/golden/quant_blocks.py tests/golden
"""
import pathlib
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type, quants
from safetensors.numpy import save_file

random = np.random.default_rng(5)
tensors = {}

# Any bytes are a block; only the 16-bit scales must be finite numbers for the results to be comparable.
scales_at = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
scales = np.array([0.03, -0.7, 1.0, 6e-8, 3e-5, -12.5, 0.0, 300.0], dtype=np.float16)
for name, places in scales_at.items():
    values, size = GGML_QUANT_SIZES[Type[name]]
    blocks = random.integers(0, 256, size=(8 if values == 32 else 4, size), dtype=np.uint8)
    for place in places:
        blocks[:, place:place + 2] = random.permutation(scales)[:len(blocks)].view(np.uint8).reshape(-1, 2)
    tensors[f"read.{name}.blocks"] = blocks
    tensors[f"read.{name}.values"] = quants.dequantize(blocks, Type[name]).astype(np.float32).reshape(-1)

halves = np.concatenate([random.integers(0, 2**16, size=500, dtype=np.uint16),
                         np.array([0, 1, 0x3ff, 0x400, 0x7bff, 0x7c00, 0x7e00, 0x8000, 0x8001, 0xfbff, 0xfc00, 0x3c00], dtype=np.uint16)])
halves = halves[~(((halves & 0x7c00) == 0x7c00) & ((halves & 0x3ff) != 0) & ((halves & 0x200) == 0))]  # signalling NaN
for name in ("F16", "BF16"):
    tensors[f"read.{name}.blocks"] = halves.view(np.uint8)
    tensors[f"read.{name}.values"] = quants.dequantize(halves.view(np.uint8), Type[name]).astype(np.float32).reshape(-1)

# For writing: several magnitudes, a ramp with halves (ties), zeros, numbers so small that their scale vanishes in 16 bits, equal extremes.
rows = [random.standard_normal(32) * scale for scale in (1, 1e-3, 1e3, 1e-6, 1e-9, 0.02, 0.02, 0.02)]
rows += [np.arange(32) - 16, (np.arange(32) - 16) / 2, np.zeros(32), np.full(32, -1.5), np.where(np.arange(32) % 2, 3.0, -3.0),
         np.where(np.arange(32) % 2, -3.0, 3.0), np.linspace(-127, 127, 32), np.round(random.standard_normal(32) * 40) / 2]
x = np.array(rows, dtype=np.float32)
x[15, 0] = 127
tensors["write.values"] = x.reshape(-1)
for name in ("F16", "BF16", "Q8_0", "Q4_0"):
    tensors[f"write.{name}.blocks"] = quants.quantize(x.reshape(1, -1), Type[name]).view(np.uint8).reshape(-1)

special = np.array([65504, 65519, 65520, -65520, 1e30, np.inf, -np.inf, np.nan, 2.0**-14, 2.0**-24, 2.0**-25, 1.5 * 2.0**-25, 3 * 2.0**-25,
                    1 + 2.0**-11, 1 + 3 * 2.0**-11, 0.0, -0.0, 1e-45, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 3.4028235e38], dtype=np.float32)
tensors["special.values"] = special
with np.errstate(over="ignore"):
    for name in ("F16", "BF16"):
        tensors[f"special.{name}.blocks"] = quants.quantize(special.reshape(1, -1), Type[name]).view(np.uint8).reshape(-1)
save_file(tensors, pathlib.Path(sys.argv[1]) / "quant_blocks.safetensors", metadata={"format": "pt"})
