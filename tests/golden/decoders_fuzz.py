#!/usr/bin/env python3
"""Compares decoded text of random decoders with the `tokenizers` library (pip install tokenizers==0.23.3); not part of ./check.

    python3 tests/golden/decoders_fuzz.py --count 1000 --strata build/release/strata

Prints the shortest difference of each decoder, and ends with 1 when there are any. Decoders that the library itself panics over do not count.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

MARK = "\u2581"
TOKENS = ["<unk>", "<s>", "<0x41>", "<0xE4>", "<0xBD>", "<0xA0>", "<0xff>", "<0x0a>", "<0xG1>", MARK, MARK + MARK, MARK + "a", "a", "aa", "ab", "b", "b" + MARK, "aba</w>", "</w>", "a</w>b", "\u00e9", "e\u0301",
          "\u0120", "\u0120a", "\u010a", "\u00e4", "\u00bd", "\u0142", "\u00c3", "\u00a9", "\u0143", " ", "  ", " a", "\n", "\u4f60", "x", "A", "\U0001f600", "aaab"]
CONTENTS = [" ", "", "x", MARK, "<0x41>", "a", "$0", "$1", "\\1"]
EXPRESSIONS = ["a+", r"\s", MARK + "+", "a|b", "^a", "b$", r"\p{L}", "a*", "[^a]", "(a)(b)", "b?", "(?=a)"]


def step(rng: random.Random) -> dict:
    kind = rng.choice(["ByteLevel", "ByteFallback", "Fuse", "Strip", "Replace", "Replace", "Metaspace", "BPEDecoder", "Sequence"])
    if kind == "ByteLevel":
        return dict(type=kind, add_prefix_space=rng.random() < 0.5, trim_offsets=True, use_regex=True)
    if kind == "Strip":
        return dict(type=kind, content=rng.choice([" ", MARK, "a", "\u00e9"]), start=rng.choice([0, 1, 2]), stop=rng.choice([0, 0, 1, 3]))
    if kind == "Replace":
        pattern = dict(String=rng.choice([MARK, " ", "a", "ab", "\u0120", "aa", "\u00e9"])) if rng.random() < 0.5 else dict(Regex=rng.choice(EXPRESSIONS))
        return dict(type=kind, pattern=pattern, content=rng.choice(CONTENTS))
    if kind == "Metaspace":
        return dict(type=kind, replacement=rng.choice([MARK, MARK, "a", "\u00e9"]), prepend_scheme=rng.choice(["always", "first", "never"]), split=rng.random() < 0.5)
    if kind == "BPEDecoder":
        return dict(type=kind, suffix=rng.choice(["</w>", "a", "b"]))
    if kind == "Sequence":
        return dict(type=kind, decoders=[step(rng) for _ in range(rng.randint(0, 2))])
    return dict(type=kind)


def tokenizer_json(rng: random.Random) -> dict:
    sequence = dict(type="Sequence", decoders=[step(rng) for _ in range(rng.randint(0, 5))])
    decoder = rng.choices([None, step(rng), sequence], [1, 6, 20])[0]
    flags = [dict(normalized=False, special=True), dict(normalized=False, special=False), dict(normalized=True, special=False)]
    added = [dict(id=i, content=TOKENS[i], single_word=False, lstrip=False, rstrip=False) | rng.choice(flags) for i in sorted(rng.sample(range(len(TOKENS)), 4))]
    normalizer = rng.choice([None, None, dict(type="Lowercase"), dict(type="Prepend", prepend=MARK)])
    return dict(version="1.0", added_tokens=added, normalizer=normalizer, decoder=decoder, model=dict(type="BPE", vocab={token: i for i, token in enumerate(TOKENS)}, merges=[]))


def wanted(tokenizer: Tokenizer, ids: list[int]) -> str | None:
    try:
        return tokenizer.decode(ids)
    except BaseException as error:  # a panic of the library, which is no Exception
        if type(error).__name__ != "PanicException":
            raise
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strata", default="build/release/strata")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    decodes = panics = different = 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tokenizer.json"
        for _ in range(args.count):
            description = tokenizer_json(rng)
            path.write_text(json.dumps(description))
            tokenizer = Tokenizer.from_file(str(path))
            lines = [[rng.randrange(len(TOKENS) + 1) for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 9]))] for _ in range(40)]
            given = "".join(json.dumps(ids) + "\n" for ids in lines)
            answer = subprocess.run([args.strata, "tokenize", str(path), "--json-lines", "--decode"], input=given, capture_output=True, text=True, check=True).stdout
            found = [json.loads(line) for line in answer.split("\n") if line]
            texts = [wanted(tokenizer, ids) for ids in lines]
            decodes, panics = decodes + len(lines), panics + texts.count(None)
            bad = [i for i in range(len(lines)) if texts[i] is not None and texts[i] != found[i]]
            if bad:
                different += 1
                i = min(bad, key=lambda i: len(lines[i]))
                print(f"{json.dumps(description['decoder'], ensure_ascii=False)}\n  {[tokenizer.id_to_token(t) for t in lines[i]]}\n    wanted {texts[i]!r}\n    found  {found[i]!r}")
    print(f"{args.count} decoders, {decodes} texts of which the library panics over {panics}: {different} decoders differ")
    sys.exit(1 if different else 0)


main()
