#!/usr/bin/env python3
"""The `tokenizers` library encoding a text on one thread, as the baseline of ours; and whether the ids are the same.

    strata tokenize --train TEXT --vocab-size 32000 --output tokenizer
    python3 bench/baselines/library_tokenizers.py --tokenizer tokenizer --text TEXT --strata build/release/strata

The library gets the text as one string, and as a list of its paragraphs; repetitions of all of them and of ours are interleaved. Prints one JSON
object: MB/s (medians), ratios, and whether all ids agree.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer


def seconds(work) -> tuple[float, object]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True, help="folder with tokenizer.json")
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--strata", default="build/release/strata")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(args.tokenizer / "tokenizer.json"))
    text = args.text.read_text(encoding="utf-8")
    parts = [part + "\n\n" for part in text.split("\n\n")]
    megabytes = args.text.stat().st_size / 1e6
    ours_command = [args.strata, "tokenize", str(args.tokenizer), "--file", str(args.text), "--measure", "1", "--json"]
    runs = {"strata": [], "tokenizers": [], "tokenizers_batch": []}
    whole: list[int] = []
    for _ in range(args.repeats):
        runs["strata"].append(json.loads(subprocess.run(ours_command, check=True, capture_output=True).stdout)["seconds"])
        spent, encoding = seconds(lambda: tokenizer.encode(text))
        runs["tokenizers"].append(spent)
        whole = encoding.ids
        runs["tokenizers_batch"].append(seconds(lambda: tokenizer.encode_batch_fast(parts))[0])
    ids = subprocess.run([args.strata, "tokenize", str(args.tokenizer), "--file", str(args.text)], check=True, capture_output=True, text=True).stdout
    result = {name: {"mb_per_s": round(megabytes / statistics.median(times), 2)} for name, times in runs.items()}
    best = min(statistics.median(runs["tokenizers"]), statistics.median(runs["tokenizers_batch"]))
    result["ratio_to_best"] = round(best / statistics.median(runs["strata"]), 2)
    result["same_ids"] = whole == [int(id) for id in ids.split()]
    result["tokens"] = len(whole)
    print(json.dumps(result))


main()
