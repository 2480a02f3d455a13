"""Writes the seed inputs of event_file_fuzzer: one for every kind of message and every way to stop.
tests/formats/event_file_test.cpp holds the reason each must get.

    python3 tests/fuzz/event_file_corpus.py tests/fuzz/corpus/event_file
"""
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(message):
    length = struct.pack("<Q", len(message))
    return length + struct.pack("<I", masked_crc(length)) + message + struct.pack("<I", masked_crc(message))


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(number << 3) + varint(value)


def float32(number, value):
    return varint(number << 3 | 5) + struct.pack("<f", value)


def event(value):
    return record(field(1, 1000.0) + field(2, 7) + field(5, field(1, field(1, b"tag") + value)))


doubles = struct.pack("<ddd", 0, 1, 2)
version = record(field(1, 1.0) + field(3, b"brain.Event:2"))
seeds = {
    "good_empty": b"",
    "good_version": version,
    "good_scalar": version + event(float32(2, 0.5)),
    "good_image": event(field(4, field(1, 2) + field(2, 3) + field(3, 3) + field(4, b"\x89PNG"))),
    "good_histogram": event(field(5, field(1, -1.0) + field(2, 2.0) + field(3, 3.0) + field(4, 1.5) + field(5, 5.25) + field(6, doubles) + field(7, doubles))),
    "good_tensor_float_val": event(field(8, field(1, 1) + field(5, struct.pack("<f", 1.5)))),
    "good_tensor_unpacked": event(field(8, field(1, 1) + float32(5, 1.5))),
    "good_tensor_content": event(field(8, field(1, 1) + field(4, struct.pack("<f", 1.5)))),
    "good_tensor_text": event(field(8, field(1, 7) + field(8, b"four"))),
    "good_tensor_many": event(field(8, field(1, 1) + field(4, bytes(8)))),
    "good_unknown_fields": record(field(99, 1.0) + field(98, 5) + field(97, b"x") + float32(96, 1.0) + field(5, field(9, b"y"))),
    "good_negative_step": record(field(2, 2**64 - 1)),
    "bad_cut_length": version + b"\1\0\0",
    "bad_length_checksum": version + struct.pack("<QI", 4, 1) + bytes(8),
    "bad_cut_content": version[:-5],
    "bad_no_content_checksum": version[:12],
    "bad_huge_length": struct.pack("<Q", 2**64 - 1) + struct.pack("<I", masked_crc(struct.pack("<Q", 2**64 - 1))) + bytes(4),
    "bad_content_checksum": version[:-1] + b"\0",
    "bad_wire_type": record(b"\x0b"),
    "bad_long_number": record(b"\x10" + b"\xff" * 10 + b"\x01"),
    "bad_long_field": record(b"\x1a\x05abc"),
    "bad_cut_number": record(b"\x10\x80"),
    "bad_cut_double": record(b"\x09\0\0"),
    "bad_packed_size": event(field(5, field(6, bytes(7)))),
}
for name, data in seeds.items():
    (folder / name).write_bytes(data)
