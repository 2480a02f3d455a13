"""Writes the safetensors fixtures with the reference serialiser: pip install safetensors==0.8.0 numpy

    python tests/golden/safetensors_golden.py tests/golden
"""
import pathlib
import sys

import numpy as np
from safetensors.numpy import save_file

folder = pathlib.Path(sys.argv[1])
tensors = {
    "zebra": np.arange(6, dtype=np.float32).reshape(2, 3),
    "apple": np.array(0.5, dtype=np.float32),
    "mask": np.array([True, False, True]),
    "half": np.array([[1.5], [-2.0]], dtype=np.float16),
    "ids": np.array([-1, 2**40], dtype=np.int64),
    "count": np.array([2**64 - 1], dtype=np.uint64),
    "wide": np.array([1e300], dtype=np.float64),
    "bytes": np.arange(5, dtype=np.uint8),
    "small": np.array([-3], dtype=np.int8),
    "short": np.array([-300], dtype=np.int16),
    "ushort": np.array([65535], dtype=np.uint16),
    "int": np.array([-70000], dtype=np.int32),
    "uint": np.array([4000000000], dtype=np.uint32),
    "complex": np.array([1 + 2j], dtype=np.complex64),
    "empty": np.zeros((0, 4), dtype=np.float32),
    'quote " back \\ tab \t bell \x07 del \x7f ü 猫': np.array([1.0], dtype=np.float32),
}
save_file(tensors, folder / "types.safetensors", metadata={"format": "pt"})
save_file({"a": np.array([1.0], dtype=np.float32)}, folder / "no_metadata.safetensors")
