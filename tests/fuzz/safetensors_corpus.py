"""Writes the seed inputs of safetensors_fuzzer: files whose names say what is right or wrong with them, one for every way to be refused.
tests/formats/safetensors_test.cpp holds the message each must get.

    python3 tests/fuzz/safetensors_corpus.py tests/fuzz/corpus/safetensors
"""
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def write(name, header, data=b"", length=None):
    header = header if isinstance(header, bytes) else header.encode()
    (folder / name).write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)


def tensor(begin=0, end=4, dtype="F32", shape="[1]"):
    return '{"dtype":"%s","shape":%s,"data_offsets":[%s,%s]}' % (dtype, shape, begin, end)


def one(name, entry, data=bytes(4)):
    write(name, '{"a":%s}' % entry, data)


# what a reader must accept
write("good_empty", "{}")
write("good_padded", '{"a":%s}   ' % tensor(), bytes(4))
write("good_metadata", '{"__metadata__":{"format":"pt"},"b":%s,"a":%s}' % (tensor(4, 8), tensor()), bytes(8))
write("good_unordered", '{"c":%s,"b":%s,"a":%s}' % (tensor(4, 4, shape="[0]"), tensor(4, 12, "I64"), tensor(shape="[]")), bytes(12))
one("good_extra_fields", '{"x":[{"y":[1,-2,3.5,null,true,"z",{}]}],"dtype":"F32","z":null,"shape":[1],"data_offsets":[0,4],"w":1}')
one("good_scalar_extra_fields", '{"p":true,"q":-1,"r":1.5,"s":"t","dtype":"F4","shape":[8],"data_offsets":[0,4]}')
one("good_escapes", '{"dtype":"\\u004632","shape":[1],"data_offsets":[0,4]}')
one("good_nan", tensor(), b"\xff\xff\xff\x7f")

# the length and what it promises
(folder / "bad_too_short").write_bytes(b"\x00" * 7)
write("bad_header_too_long", "{}", length=100_000_001)
write("bad_length_beyond_file", "{}", length=3)
write("bad_length_huge", "{}", length=2**64 - 1)
write("bad_empty_header", "")
write("bad_leading_space", " {}")
write("bad_not_an_object", "[]")

# the JSON text
write("bad_cut_json", '{"a":')
write("bad_nul_after_json", "{}\0")
write("bad_rest_after_json", "{}{}")
write("bad_utf8", b'{"\xff":{}}')
write("bad_lone_surrogate", '{"\\ud800":{}}')
one("bad_nesting", '{"x":' + "[" * 200 + "]" * 200 + "}")
one("bad_nesting_objects", '{"x":' + '{"y":' * 200 + "1" + "}" * 200 + "}")

# metadata
write("bad_metadata_twice", '{"__metadata__":{},"__metadata__":{}}')
write("bad_metadata_key_twice", '{"__metadata__":{"a":"1","a":"2"}}')
write("bad_metadata_number", '{"__metadata__":{"a":1}}')
write("bad_metadata_list", '{"__metadata__":[]}')
write("bad_metadata_null", '{"__metadata__":null}')

# the description of a tensor
one("bad_entry_number", "1")
one("bad_entry_list", "[]")
one("bad_entry_text", '"F32"')
one("bad_entry_true", "true")
one("bad_no_dtype", '{"shape":[1],"data_offsets":[0,4]}')
one("bad_no_shape", '{"dtype":"F32","data_offsets":[0,4]}')
one("bad_no_offsets", '{"dtype":"F32","shape":[1]}')
one("bad_dtype_twice", '{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}')
one("bad_shape_twice", '{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}')
one("bad_offsets_twice", '{"dtype":"F32","shape":[1],"data_offsets":[0,4],"data_offsets":[0,4]}')
one("bad_dtype_unknown", tensor(dtype="F31"))
one("bad_dtype_number", '{"dtype":32,"shape":[1],"data_offsets":[0,4]}')
one("bad_shape_object", '{"dtype":"F32","shape":{},"data_offsets":[0,4]}')
one("bad_shape_number", '{"dtype":"F32","shape":1,"data_offsets":[0,4]}')
one("bad_dimension_negative", tensor(shape="[-1]"))
one("bad_dimension_float", tensor(shape="[1.0]"))
one("bad_dimension_text", tensor(shape='["1"]'))
one("bad_dimension_above_int64", tensor(shape="[9223372036854775808]"))
one("bad_dimension_above_uint64", tensor(shape="[18446744073709551616]"))
one("bad_rank", tensor(shape="[" + ",".join(["1"] * 65) + "]"))
one("bad_offsets_number", '{"dtype":"F32","shape":[1],"data_offsets":4}')
one("bad_offsets_one", '{"dtype":"F32","shape":[1],"data_offsets":[0]}')
one("bad_offsets_three", '{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}')
one("bad_offset_above_uint64", tensor(end=2**64 + 4))
one("bad_offset_above_2_53", tensor(begin=2**53 + 1, end=2**53 + 5))
one("bad_offset_null", tensor(end="null"))

# sizes and places
one("bad_end_before_begin", tensor(4, 0))
one("bad_end_beyond_data", tensor(0, 8, shape="[2]"))
one("bad_shape_overflow", tensor(shape="[4294967296,4294967296]"))
one("bad_shape_wraps_to_4_bytes", tensor(dtype="U8", shape="[4194305,4194305,211106198978564]"))
one("bad_bits_overflow", tensor(shape="[576460752303423489]"))
one("bad_size", tensor(shape="[2]"))
one("bad_part_of_a_byte", tensor(dtype="F4", shape="[7]"))
write("bad_same_name", '{"a":%s,"a":%s}' % (tensor(), tensor(4, 8)), bytes(8))
write("bad_overlap", '{"a":%s,"b":%s}' % (tensor(), tensor()), bytes(4))
write("bad_overlap_within_the_data", '{"a":%s,"b":%s}' % (tensor(), tensor(2, 6)), bytes(8))
write("bad_hole", '{"a":%s,"b":%s}' % (tensor(), tensor(8, 12)), bytes(12))
one("bad_begin", tensor(4, 8), bytes(8))
one("bad_trailing_data", tensor(), bytes(5))
