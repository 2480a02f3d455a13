"""Writes the seed inputs of image_file_fuzzer and preprocessor_fuzzer: the golden images, and damaged ones for every way
to be refused.

    python3 tests/fuzz/image_file_corpus.py tests/fuzz/corpus
"""
import json
import pathlib
import struct
import sys
import zlib

root = pathlib.Path(sys.argv[1])
golden = pathlib.Path(__file__).resolve().parent.parent / "golden" / "images"
images = root / "image_file"
texts = root / "preprocessor"
for folder in (images, texts):
    folder.mkdir(parents=True, exist_ok=True)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


seeds = {}
for name in ["rgb.png", "interlaced.png", "palette_transparent.png", "grey16.png", "one_bit.png", "rgba.png", "progressive.jpg", "cmyk.jpg", "turned6.jpg", "grey.jpg"]:
    data = (golden / name).read_bytes()
    seeds["good_" + name] = data
    seeds["bad_cut_" + name] = data[: len(data) // 2]
seeds["good_tiny.png"] = png(1, 1, 8, 0, b"\0\x7f")
seeds["bad_huge.png"] = png(2**31 - 1, 2**31 - 1, 8, 6, b"\0")
seeds["bad_bomb.png"] = png(500, 500, 16, 6, bytes(100))
seeds["bad_no_rows.png"] = png(4, 4, 8, 2, b"")
seeds["bad_filter.png"] = png(2, 2, 8, 0, b"\x09\0\0\x09\0\0")
seeds["bad_palette_index.png"] = png(2, 1, 8, 3, b"\0\x05\x09", chunk(b"PLTE", b"\0\0\0\xff\xff\xff"))
seeds["good_gamma.png"] = png(2, 1, 8, 0, b"\0\x40\x80", chunk(b"gAMA", struct.pack(">I", 100000)))
seeds["bad_start"] = b"GIF89a"
seeds["bad_empty"] = b""
seeds["bad_jpeg_start"] = b"\xff\xd8\xff"
for name, data in seeds.items():
    (images / name).write_bytes(data)

for name, value in {
    "vit": {"do_normalize": True, "do_resize": True, "size": {"height": 224, "width": 224}, "resample": 2, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]},
    "deit": {"do_center_crop": True, "crop_size": 224, "size": 256, "resample": 3},
    "clip": {"do_center_crop": True, "crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 224}, "rescale_factor": 0.00392156862745098},
    "none": {"do_resize": False, "do_normalize": False},
    "bad_size": {"size": {"longest_edge": 1}},
    "bad_std": {"image_std": [0]},
}.items():
    (texts / name).write_text(json.dumps(value))
