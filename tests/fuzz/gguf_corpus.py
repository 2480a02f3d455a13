"""Writes the seed inputs of gguf_fuzzer: files whose names say what is right or wrong with them, one for every way to be refused.
tests/formats/gguf_test.cpp holds the message each must get.

    python3 tests/fuzz/gguf_corpus.py tests/fuzz/corpus/gguf
"""
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
TEXT, LIST = 8, 9


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return u64(len(value)) + value


def entry(key, kind, value):
    return text(key) + u32(kind) + value


def elements(kind, count, data):
    return u32(kind) + u64(count) + data


def tensor(name="a", shape=(1,), kind=0, offset=0, dimensions=None):
    return text(name) + u32(len(shape) if dimensions is None else dimensions) + b"".join(map(u64, shape)) + u32(kind) + u64(offset)


def write(name, entries=(), tensors=(), data=b"", version=3, magic=b"GGUF", n_tensors=None, n_entries=None, alignment=32, cut=0):
    head = magic + u32(version) + u64(len(tensors) if n_tensors is None else n_tensors)
    head += u64(len(entries) if n_entries is None else n_entries) + b"".join(entries) + b"".join(tensors)
    if data:
        head += bytes(-len(head) % alignment)
    (folder / name).write_bytes((head + data)[:len(head + data) - cut])


numbers = [(0, "<B", 200), (1, "<b", -3), (2, "<H", 60000), (3, "<h", -300), (4, "<I", 4000000000), (5, "<i", -70000), (6, "<f", 1.5), (7, "<B", 1),
           (10, "<Q", 2**64 - 1), (11, "<q", -2**63), (12, "<d", -0.5)]

# what a reader must accept
write("good_empty")
write("good_version_2", version=2)
write("good_values", [entry("k%d" % kind, kind, struct.pack(form, value)) for kind, form, value in numbers] + [entry("t", TEXT, text("猫"))])
write("good_lists", [entry("k%d" % kind, LIST, elements(kind, 2, 2 * struct.pack(form, value))) for kind, form, value in numbers]
      + [entry("t", LIST, elements(TEXT, 3, text("a") + text("") + text(b"\xff")))] + [entry("e", LIST, elements(4, 0, b""))])
write("good_tensor", tensors=[tensor()], data=bytes(32))
write("good_last_not_padded", tensors=[tensor()], data=bytes(4))
write("good_blocks", tensors=[tensor("h", (3,), 1), tensor("q8", (32, 2), 8, 32), tensor("q4k", (256,), 12, 128), tensor("iq", (32,), 20, 288)], data=bytes(320))
write("good_scalar_and_zero", tensors=[tensor("s", ()), tensor("z", (0, 3), 0, 32), tensor("d", (1, 1, 1, 1), 28, 32)], data=bytes(40))
write("good_alignment", [entry("general.alignment", 4, u32(8))], [tensor(), tensor("b", (1,), 0, 8)], bytes(12), alignment=8)

# the header
(folder / "bad_short").write_bytes(b"GGU")
write("bad_magic", magic=b"GGML")
(folder / "bad_no_version").write_bytes(b"GGUF\3")
write("bad_version_1", version=1)
write("bad_version_4", version=4)
write("bad_big_endian", version=3 << 24)
write("bad_tensor_count", n_tensors=2**63)
write("bad_entry_count", n_entries=1)
(folder / "bad_no_counts").write_bytes(b"GGUF" + u32(3) + bytes(7))

# metadata
write("bad_empty_key", [entry("", 2, b"\0\0")])
write("bad_key_length", [u64(65536) + bytes(16)])
write("bad_key_cut", [u64(60000) + bytes(16)])
write("bad_key_twice", [entry("a", 0, b"\0"), entry("b", 0, b"\0"), entry("a", 0, b"\1")])
write("bad_type_of_value", [entry("a", 13, bytes(8))])
write("bad_value_cut", [entry("a", 10, bytes(4))])
write("bad_bool", [entry("a", 7, b"\2")])
write("bad_text_length", [entry("a", TEXT, u64(2**30 + 1) + bytes(8))])
write("bad_text_cut", [entry("a", TEXT, u64(9) + bytes(8))])
write("bad_type_of_list", [entry("a", LIST, elements(99, 1, bytes(8)))])
write("bad_list_of_lists", [entry("a", LIST, elements(LIST, 1, elements(0, 1, b"\0")))])
write("bad_list_length", [entry("a", LIST, elements(10, 2**61, bytes(8)))])
write("bad_list_cut", [entry("a", LIST, elements(0, 9, bytes(8)))])
write("bad_bool_in_list", [entry("a", LIST, elements(7, 2, b"\1\3"))])
write("bad_text_in_list", [entry("a", LIST, elements(TEXT, 2, text("a") + u64(50)))])
write("bad_alignment_zero", [entry("general.alignment", 4, u32(0))])
write("bad_alignment_three", [entry("general.alignment", 4, u32(24))])
write("bad_alignment_huge", [entry("general.alignment", 4, u32(1 << 31))])
write("bad_alignment_type", [entry("general.alignment", 0, b"\x20")])

# tensors
write("bad_name_length", tensors=[tensor("a" * 64)], data=bytes(32))
write("bad_name_twice", tensors=[tensor(), tensor(offset=32)], data=bytes(64))
write("bad_dimensions", tensors=[tensor(shape=(1,) * 5)], data=bytes(32))
write("bad_dimension_negative", tensors=[tensor(shape=(2**63,))], data=bytes(32))
write("bad_dimensions_cut", tensors=[tensor(shape=(1, 1), dimensions=4)], cut=12)
write("bad_type_removed", tensors=[tensor(kind=4)], data=bytes(32))
write("bad_type_unknown", tensors=[tensor(kind=1000)], data=bytes(32))
write("bad_rows", tensors=[tensor(shape=(33,), kind=8)], data=bytes(96))
write("bad_rows_of_whole_tensor", tensors=[tensor(shape=(16, 2), kind=8)], data=bytes(96))
write("bad_product", tensors=[tensor(shape=(2**32, 2**32))], data=bytes(32))
write("bad_bytes", tensors=[tensor(shape=(2**62,))], data=bytes(32))
write("bad_offset", tensors=[tensor(offset=32)], data=bytes(64))
write("bad_misaligned", tensors=[tensor(), tensor("b", offset=4)], data=bytes(64))
write("bad_overlap", tensors=[tensor(shape=(16,)), tensor("b", (16,), offset=32)], data=bytes(128))
write("bad_gap", tensors=[tensor(), tensor("b", offset=64)], data=bytes(96))
write("bad_data_cut", tensors=[tensor()], data=bytes(32), cut=29)
write("bad_no_data", tensors=[tensor()])
