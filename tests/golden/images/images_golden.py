"""Writes small image files and what Pillow reads from them, resizes them to and augments them to.

Needs: pip install pillow numpy (made with Pillow 13.0, numpy 2). Run from this folder: python images_golden.py
"""
import json
import struct
import zlib

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

rng = np.random.default_rng(16)
H, W = 21, 30
y, x = np.mgrid[0:H, 0:W]
# Smooth shapes, an edge and some noise: what filters, edges and histograms react to.
base = np.stack([4 * x + 3 * y, 255 - 7 * y - x, 128 + 100 * np.sin(x / 3) * np.cos(y / 4)], -1)
base[5:12, 8:20] = [250, 30, 60]
photo = np.clip(base + rng.integers(-20, 20, base.shape), 0, 255).astype(np.uint8)
rgb = Image.fromarray(photo)
grey = rgb.convert("L")


def save(name, image, **options):
    image.save(name, **options)


save("rgb.png", rgb)
save("grey.png", grey)
save("palette.png", rgb.quantize(16))
alpha = np.dstack([photo, (x * 8).astype(np.uint8)])
save("rgba.png", Image.fromarray(alpha))
save("grey_alpha.png", grey.convert("LA"))
save("one_bit.png", grey.convert("1"))
transparent = rgb.quantize(16)
save("palette_transparent.png", transparent, transparency=3)


def png(width, height, depth, colour, rows, interlace=0):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def adam7(pixels):
    rows = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = pixels[y0::dy, x0::dx]
        if part.shape[0] and part.shape[1]:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    return rows


open("interlaced.png", "wb").write(png(W, H, 8, 2, adam7(photo), interlace=1))
deep = photo.astype(np.uint16) * 257  # rounds back to what it came from
open("rgb16.png", "wb").write(png(W, H, 16, 2, b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)))
open("grey16.png", "wb").write(png(W, H, 16, 0, b"".join(b"\0" + row.astype(">u2").tobytes() for row in np.asarray(grey).astype(np.uint16) * 257)))

save("rgb.jpg", rgb, quality=90)
save("grey.jpg", grey, quality=90)
save("progressive.jpg", rgb, quality=80, progressive=True)
save("cmyk.jpg", rgb.convert("CMYK"), quality=90)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(f"turned{orientation}.jpg", rgb, quality=70, subsampling=0, exif=exif)

np_of = lambda image: np.asarray(image)
expected = {}


def keep(name, image):
    array = np_of(image)
    if array.ndim == 2:
        array = array[..., None]
    expected[name] = np.ascontiguousarray(array.transpose(2, 0, 1))


for name in ["rgb.png", "grey.png", "interlaced.png", "palette.png", "rgba.png", "palette_transparent.png", "rgb.jpg", "progressive.jpg", "cmyk.jpg"]:
    keep("decode/" + name, Image.open(name).convert("L" if name == "grey.png" else "RGB"))
keep("decode/grey.jpg", Image.open("grey.jpg"))
keep("decode/one_bit.png", Image.open("one_bit.png").convert("L"))
keep("decode/grey_alpha.png", Image.open("grey_alpha.png").convert("L"))
keep("decode/rgb16.png", rgb)
keep("decode/grey16.png", grey)
for orientation in range(1, 9):
    keep(f"decode/turned{orientation}.jpg", ImageOps.exif_transpose(Image.open(f"turned{orientation}.jpg")))
keep("grey_of_rgb", rgb.convert("L"))

filters = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
for (h, w) in [(7, 10), (13, 30), (42, 60), (33, 11), (1, 1)]:
    for name, filter in filters.items():
        keep(f"resize/{name}/{h}x{w}", rgb.resize((w, h), filter))
keep("resize/grey/9x14", grey.resize((14, 9), Image.BILINEAR))

affine = lambda *m: rgb.transform(rgb.size, Image.AFFINE, m, Image.NEAREST, fillcolor=(0, 0, 0))
for level in (0.3, -0.7, 1.0):
    keep(f"op/shear_x/{level}", affine(1, 0.3 * level, 0, 0, 1, 0))
    keep(f"op/shear_y/{level}", affine(1, 0, 0, 0.3 * level, 1, 0))
    keep(f"op/translate_x/{level}", affine(1, 0, 150 / 331 * level * W, 0, 1, 0))
    keep(f"op/translate_y/{level}", affine(1, 0, 0, 0, 1, 150 / 331 * level * H))
    keep(f"op/rotate/{level}", rgb.rotate(30 * level, Image.NEAREST))
    factor = 1 + 0.9 * level
    keep(f"op/brightness/{level}", ImageEnhance.Brightness(rgb).enhance(factor))
    keep(f"op/colour/{level}", ImageEnhance.Color(rgb).enhance(factor))
    keep(f"op/contrast/{level}", ImageEnhance.Contrast(rgb).enhance(factor))
    keep(f"op/sharpness/{level}", ImageEnhance.Sharpness(rgb).enhance(factor))
for level in (0.0, 0.3, 0.7, 1.0):
    keep(f"op/posterize/{level}", ImageOps.posterize(rgb, 8 - int(np.floor(4 * level + 0.5))))
    keep(f"op/solarize/{level}", ImageOps.solarize(rgb, 255 * (1 - level)))
dim = Image.fromarray((photo // 3 + 40).astype(np.uint8))
keep("dim", dim)
keep("op/autocontrast/0", ImageOps.autocontrast(dim))
keep("op/equalize/0", ImageOps.equalize(dim))

# safetensors, written by hand: a header of JSON and the bytes
header, data = {}, b""
for name, array in sorted(expected.items()):
    header[name] = {"dtype": "U8", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
    data += array.tobytes()
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
open("expected.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
