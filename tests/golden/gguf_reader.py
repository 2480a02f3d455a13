"""Checks with the gguf package that ours.gguf, which Strata wrote, holds what tests/formats/gguf_test.cpp says: pip install gguf==0.19.0 numpy

    python tests/golden/gguf_reader.py tests/golden/gguf/ours.gguf
"""
import sys

import numpy as np
from gguf import GGUFReader, GGMLQuantizationType as Type, quants

reader = GGUFReader(sys.argv[1])
expected = {"general.architecture": "test", "general.alignment": 64, "u8": 255, "i8": -128, "u16": 65535, "i16": -32768, "i32": -2**31,
            "f32": float(np.float32(0.1)), "bool": True, "u64": 2**64 - 1, "i64": -2**63, "f64": 0.1, "texts": ["a", "", "ü"],
            "flags": [True, False, True], "numbers": [1.5, -2.5], "wide": [2**63, 1]}
found = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}
assert found == expected, found
assert reader.alignment == 64

i = np.arange(192)
values = ((i * i * 37 % 1001).astype(np.float32) / np.float32(83) - np.float32(6)).reshape(2, 3, 32)
assert [tensor.name for tensor in reader.tensors] == ["F32", "F16", "BF16", "Q8_0", "Q4_0"]
for tensor in reader.tensors:
    assert list(tensor.shape) == [32, 3, 2], tensor.shape
    assert tensor.tensor_type == Type[tensor.name]
    want = quants.quantize(values, tensor.tensor_type)
    assert np.array_equal(tensor.data.view(np.uint8).reshape(-1), want.view(np.uint8).reshape(-1)), tensor.name
    assert np.array_equal(quants.dequantize(tensor.data, tensor.tensor_type), quants.dequantize(want, tensor.tensor_type))
print("equal:", len(found), "values and", len(reader.tensors), "tensors")
