"""Writes the seed inputs of idx_fuzzer, plain and compressed, one for every way to be refused.
tests/formats/idx_test.cpp holds the message each must get.

    python3 tests/fuzz/idx_corpus.py tests/fuzz/corpus/idx
"""
import gzip
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def idx(code, shape, data, start=b"\0\0"):
    return start + bytes([code, len(shape)]) + b"".join(struct.pack(">I", size) for size in shape) + data


def packed(data):
    return gzip.compress(data, mtime=0)


images = idx(0x08, [2, 2, 3], bytes(range(12)))
seeds = {
    "good_bytes": images,
    "good_signed": idx(0x09, [2], b"\xff\x01"),
    "good_int16": idx(0x0B, [2], struct.pack(">hh", -2, 300)),
    "good_int32": idx(0x0C, [1], struct.pack(">i", -70000)),
    "good_float": idx(0x0D, [2], struct.pack(">ff", 1.5, -2)),
    "good_double": idx(0x0E, [1], struct.pack(">d", 1e300)),
    "good_empty": idx(0x08, [0, 5], b""),
    "good_gzip": packed(images),
    "good_gzip_empty": packed(idx(0x08, [0], b"")),
    "good_gzip_zeros": packed(idx(0x08, [1000, 1000], bytes(1000000))),
    "bad_short": b"\0\0\x08",
    "bad_start": idx(0x08, [1], b"\1", start=b"\0\1"),
    "bad_type": idx(0x0A, [1], b"\1"),
    "bad_no_rank": idx(0x08, [], b""),
    "bad_rank": idx(0x08, [1] * 9, b"\1"),
    "bad_cut_header": idx(0x08, [1, 1], b"")[:-1],
    "bad_cut_data": images[:-1],
    "bad_rest": images + b"\0",
    "bad_overflow": idx(0x0E, [2**32 - 1] * 3, b""),
    "bad_huge": idx(0x08, [2**32 - 1, 2**31], b""),
    "bad_gzip_huge": packed(idx(0x08, [2**32 - 1, 2**31], b"")),
    "bad_gzip_claims_more": packed(idx(0x08, [3000], bytes(100))),
    "bad_gzip_more_data": packed(images + bytes(1000)),
    "bad_gzip_rest": packed(images) + b"\0",
    "bad_gzip_cut": packed(images)[:-12],
    "bad_gzip_cut_checksum": packed(images)[:-4],
    "bad_gzip_checksum": packed(images)[:-8] + bytes(4) + packed(images)[-4:],
    "bad_gzip_start": b"\x1f\x8b\xff\xff",
    "bad_gzip_block": packed(images)[:10] + b"\xff" * 20,
}
for name, data in seeds.items():
    (folder / name).write_bytes(data)
