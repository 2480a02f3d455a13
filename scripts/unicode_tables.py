#!/usr/bin/env python3
"""Writes strata/text/unicode_tables.inc: the classes of characters and lower cases as the `tokenizers` library has them.

    python3 scripts/unicode_tables.py > strata/text/unicode_tables.inc       # pip install tokenizers==0.23.3

Other sources would do for most characters, but ids must be those of that library, whose parts follow different versions of Unicode; the library
is asked about every code point.
"""

import sys

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

POINTS = [p for p in range(0x110000) if not 0xD800 <= p <= 0xDFFF]
TEXT = "".join(map(chr, POINTS))


def removed(splitter) -> set[int]:
    """The code points that a splitter with behaviour `removed` takes out of a text of all of them."""
    kept = set()
    for _, (begin, end) in splitter.pre_tokenize_str(TEXT):
        kept.update(POINTS[begin:end])
    return set(POINTS) - kept


def matched(pattern: str) -> set[int]:
    return removed(pre_tokenizers.Split(Regex(pattern), "removed"))


def word() -> set[int]:
    """Those that the Whitespace pre-tokeniser joins with letters."""
    found = set()
    for start in range(0, len(POINTS), 4096):
        points = POINTS[start : start + 4096]
        pieces = pre_tokenizers.Whitespace().pre_tokenize_str("".join(f"a{chr(p)}a\n" for p in points))
        found.update(points[begin // 4] for _, (begin, end) in pieces if end - begin == 3)
    return found


def numeric() -> set[int]:
    pieces = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str("".join(f"a{chr(p)}" for p in POINTS))
    return {POINTS[begin // 2] for _, (begin, end) in pieces if end - begin == 1 and begin % 2 == 1}


def marks() -> set[int]:
    return set(POINTS) - set(map(ord, normalizers.StripAccents().normalize_str(TEXT)))


def ranges(points: set[int]) -> list[tuple[int, int]]:
    result: list[list[int]] = []
    for p in sorted(points):
        if result and result[-1][1] == p - 1:
            result[-1][1] = p
        else:
            result.append([p, p])
    return [(a, b) for a, b in result]


def write_rows(items: list[str]) -> None:
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > 120:
            print(line)
            line = "   "
        line += f" {item},"
    print(line)


def write_class(name: str, what: str, points: set[int]) -> None:
    spans = ranges(points)
    print(f"// {what}: {len(points)} code points.")
    print(f"constexpr PointRange k{name}Ranges[] = {{")
    write_rows([f"{{0x{a:X}, 0x{b:X}}}" for a, b in spans])
    print("};")


def write_lower() -> None:
    lower = normalizers.Lowercase()
    runs: list[list[int]] = []  # first, last, distance, step
    several = []
    for p in POINTS:
        text = lower.normalize_str(chr(p))
        if text == chr(p):
            continue
        if len(text) != 1:
            several.append((p, text))
            continue
        delta = ord(text) - p
        last = runs[-1] if runs else None
        if last and last[2] == delta and (p - last[1] == last[3] or (last[0] == last[1] and p - last[1] <= 2)):
            last[3] = p - last[1]
            last[1] = p
        else:
            runs.append([p, p, delta, 1])
    if several != [(0x130, "i\u0307")]:
        sys.exit(f"expected U+0130 alone to have a lower case of several characters, found {several}")
    print("// Lower cases: every step-th code point from first to last maps to itself + distance. U+0130 alone maps to two.")
    print("constexpr LowerRange kLowerRanges[] = {")
    write_rows([f"{{0x{a:X}, 0x{b:X}, {d}, {s}}}" for a, b, d, s in runs])
    print("};")


def main() -> None:
    number, digits = matched(r"\p{N}"), numeric()
    print(f"// Written by scripts/unicode_tables.py from tokenizers {tokenizers.__version__}.")
    print("// clang-format off")
    write_class("Letter", r"\p{L}", matched(r"\p{L}"))
    write_class("Number", r"\p{N}", number)
    write_class("Numeric", "what Digits isolates", digits)
    write_class("Space", r"\s", matched(r"\s"))
    write_class("Word", r"\w of Whitespace and single_word", word())
    write_class("Mark", "what StripAccents takes out", marks())
    write_class("Punctuation", "what Punctuation and BertPreTokenizer isolate", removed(pre_tokenizers.Punctuation("removed")))
    write_lower()
    print("// clang-format on")


main()
