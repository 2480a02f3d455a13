"""Files as the gguf package writes them, one with every type of value and several types of tensors, one in two parts: pip install gguf==0.19.0 numpy

    python tests/golden/gguf_golden.py tests/golden
"""
import pathlib
import sys

import numpy as np
from gguf import GGMLQuantizationType as Type, GGUFWriter, GGUFValueType as Value, quants

folder = pathlib.Path(sys.argv[1])
writer = GGUFWriter(folder / "types.gguf", "test")
writer.add_custom_alignment(64)
writer.add_uint8("u8", 255)
writer.add_int8("i8", -128)
writer.add_uint16("u16", 65535)
writer.add_int16("i16", -32768)
writer.add_uint32("u32", 2**32 - 1)
writer.add_int32("i32", -2**31)
writer.add_float32("f32", 0.1)
writer.add_bool("bool", True)
writer.add_string("text", "naïve 猫")
writer.add_uint64("u64", 2**64 - 1)
writer.add_int64("i64", -2**63)
writer.add_float64("f64", 0.1)
writer.add_array("texts", ["a", "", "U+2581 is \u2581"])
writer.add_array("numbers", [1.5, -2.5])
writer.add_array("integers", [1, -2, 3])
writer.add_array("flags", [True, False, True])
writer.add_key_value("wide", [2**63, 1], Value.ARRAY, sub_type=Value.UINT64)
x = (np.arange(2 * 3 * 32, dtype=np.float32).reshape(2, 3, 32) - 90) / 7
writer.add_tensor("plain", x)
writer.add_tensor("half", x.astype(np.float16))
writer.add_tensor("blocks", quants.quantize(x, Type.Q8_0), raw_dtype=Type.Q8_0)
writer.add_tensor("ids", np.array([3, -1, 2**40], dtype=np.int64))
writer.add_tensor("one", np.array([0.5], dtype=np.float64))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

writer = GGUFWriter(folder / "parts.gguf", "test", split_max_tensors=2)
for name in "abc":
    writer.add_tensor(name, np.full(3, ord(name), dtype=np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
