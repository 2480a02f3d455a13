#!/usr/bin/env python3
"""Compares ids and decoded text of random strings with the `tokenizers` library; not part of ./check.

    python3 tests/golden/tokenizers_fuzz.py --count 100000 --strata build/release/strata [tokenizer.json ...]

As a rule on every file of tests/golden/tokenizers. Prints the first differences of each, and ends with 1 when there are any.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys

from tokenizers import Tokenizer

GOLDEN = pathlib.Path(__file__).parent / "tokenizers"
FRAGMENTS = ["'s", "'S", "'ll", "'\u017f", "'RE", " ", "  ", "   ", "\n", "\r\n", "\t", "\u2581", "\u00a0", "\u3000", "123", "4", "\u00bd", "<s>", "</s>", "<unk>", "<|endoftext|>", "<tool>",
             "<mask>", "[word]", "word", "_word_", "the", "The", " and", "beginning", "e\u0301", "A\u030a", "\u200d", "\ufe0f", "<0x41>", "[UNK]", "...", "\u1100\u1161\u11a8", "\uac00\u11a8",
             "<|im_start|>", "<|begin_of_text|>", "##", "\u0130", "\u03a3", "\u01c5"]
BLOCKS = [(0x20, 0x7E), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0xDFF), (0xE00, 0xEFF), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x218F),
          (0x2190, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xA640, 0xABFF), (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0xF900, 0xFFFD), (0x10000, 0x1FFFF), (0x20000, 0x10FFFF), (0, 0x10FFFF)]


def point(rng: random.Random) -> str:
    first, last = rng.choice(BLOCKS)
    while True:
        value = rng.randint(first, last)
        if not 0xD800 <= value <= 0xDFFF:
            return chr(value)


def text(rng: random.Random) -> str:
    parts = []
    block = rng.choice(BLOCKS)
    for _ in range(rng.choice((1, 3, 8, 8, 8, 30, 100))):
        kind = rng.random()
        if kind < 0.35:
            parts.append(rng.choice(FRAGMENTS))
        elif kind < 0.6:
            parts.append(chr(rng.randint(0x20, 0x7E)))
        elif kind < 0.8:
            value = rng.randint(*block)
            parts.append(chr(value) if not 0xD800 <= value <= 0xDFFF else "x")
        else:
            parts.append(point(rng))
    return "".join(parts)


def ask(command: list[str], lines: list) -> list:
    given = "".join(json.dumps(line) + "\n" for line in lines)
    answer = subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in answer.split("\n") if line]


def compare(path: pathlib.Path, strata: str, count: int, seed: int) -> int:
    tokenizer = Tokenizer.from_file(str(path))
    rng = random.Random(seed)
    texts = [text(rng) for _ in range(count)]
    wanted = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    found = ask([strata, "tokenize", str(path), "--json-lines"], texts)
    bad = [i for i in range(count) if wanted[i] != found[i]]
    size = tokenizer.get_vocab_size()
    mixed = [ids if rng.random() < 0.5 else [rng.randrange(size + 2) for _ in range(rng.randint(0, 20))] for ids in wanted]
    wanted_text = tokenizer.decode_batch(mixed)
    found_text = ask([strata, "tokenize", str(path), "--json-lines", "--decode"], mixed)
    bad_text = [i for i in range(count) if wanted_text[i] != found_text[i]]
    print(f"{path.stem}: {count} texts, {sum(map(len, wanted))} ids: {len(bad)} encoded otherwise, {len(bad_text)} decoded otherwise", flush=True)
    for i in sorted(bad, key=lambda i: len(texts[i]))[:3]:
        print(f"  {texts[i]!r}\n    wanted {wanted[i]} {[tokenizer.id_to_token(t) for t in wanted[i]]}\n    found  {found[i]}")
    for i in sorted(bad_text, key=lambda i: len(mixed[i]))[:3]:
        print(f"  {mixed[i]}\n    wanted {wanted_text[i]!r}\n    found  {found_text[i]!r}")
    return len(bad) + len(bad_text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strata", default="build/release/strata")
    args = parser.parse_args()
    files = args.files or [path for path in sorted(GOLDEN.glob("*.json")) if path.stem != "expected"]
    sys.exit(1 if sum(compare(path, args.strata, args.count, args.seed) for path in files) else 0)


main()
