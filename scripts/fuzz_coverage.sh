#!/bin/bash
# Prints the error branches that the committed inputs of the fuzzers do not reach, each parser by its own:
#   scripts/fuzz_coverage.sh [FUZZER...]
# A fuzzer's source says by a line "// Parser: FILE..." what it is for. What several fuzzers share may be reached by the
# inputs of any. An error branch is a call of fail, refuse or one of their kin. Exit code 1 when one is not reached.
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

need build sanitizers coverage
configure coverage
cd "$checkout"
all=()
for source in tests/fuzz/*_fuzzer.cpp; do
  source=${source##*/}
  all+=("${source%_fuzzer.cpp}")
done
fuzzers=("$@")
[ ${#fuzzers[@]} -gt 0 ] || fuzzers=("${all[@]}")
build coverage "${all[@]/%/_replay}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objects=(build/coverage/libstrata_base.so)
for name in "${all[@]}"; do
  LLVM_PROFILE_FILE=$work/$name.raw "build/coverage/${name}_replay" "tests/fuzz/corpus/$name" > /dev/null
  objects+=(-object "build/coverage/${name}_replay")
done
llvm-profdata-19 merge -o "$work/data" "$work"/*.raw
missed=0
for name in "${fuzzers[@]}"; do
  read -ra sources < <(sed -n 's|^// Parser: ||p' "tests/fuzz/${name}_fuzzer.cpp")
  llvm-cov-19 export -format=text -instr-profile "$work/data" "${objects[@]}" "${sources[@]}" 2> /dev/null > "$work/$name.json"
  python3 - "$work/$name.json" "$name" << 'PYTHON' || missed=1
import bisect, json, os, re, sys

branch = re.compile(r"\b(fail|fail_usage|refuse|reject|expected|too_much|missing|refuse_part|wrong_type|unknown_key)\(")
total = missed = 0
for file in json.load(open(sys.argv[1]))["data"][0]["files"]:
    places = [(line, column) for line, column, *_ in file["segments"]]
    for number, text in enumerate(open(file["filename"]), 1):
        if "noreturn" in text or "Malformed{" not in text and text.lstrip().startswith(("//", "///")):
            continue
        for found in branch.finditer(text):
            at = bisect.bisect_right(places, (number, found.start() + 1)) - 1
            if at < 0 or not file["segments"][at][3]:  # no code that is counted
                continue
            total += 1
            if file["segments"][at][2] == 0:
                missed += 1
                print(f"{os.path.relpath(file['filename'])}:{number}: {text.strip()}")
print(f"{sys.argv[2]}: {total - missed} of {total} error branches reached")
sys.exit(missed > 0)
PYTHON
done
exit "$missed"
