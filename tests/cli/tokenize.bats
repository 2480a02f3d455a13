# Text to ids and back from a shell, and training a tokenizer: no LibTorch.
load common

golden=$CHECKOUT/tests/golden/tokenizers

@test "ids, their number, and back" {
  run "$STRATA" tokenize bytes "Hi!"
  [ "$status" -eq 0 ]
  [ "$output" = "72 105 33" ]
  [ "$("$STRATA" tokenize bytes --count "Hi!")" = 3 ]
  [ "$("$STRATA" tokenize bytes --decode "72, 105 33")" = "Hi!" ]
}

@test "standard input and files, to the byte" {
  printf 'In the beginning\n\xff ' >"$BATS_TEST_TMPDIR/text"
  [ "$("$STRATA" tokenize bytes <"$BATS_TEST_TMPDIR/text")" = "$("$STRATA" tokenize bytes --file "$BATS_TEST_TMPDIR/text")" ]
  printf 'In the beginning\n ' >"$BATS_TEST_TMPDIR/text"
  "$STRATA" tokenize "$golden/gpt2.json" <"$BATS_TEST_TMPDIR/text" | "$STRATA" tokenize "$golden/gpt2.json" --decode | cmp - "$BATS_TEST_TMPDIR/text"
}

@test "special tokens in the text and around it" {
  [ "$("$STRATA" tokenize "$golden/llama3.json" --count "<|endoftext|>")" = 2 ]
  [ "$("$STRATA" tokenize "$golden/llama3.json" --count --bare "<|endoftext|>")" = 1 ]
  [ "$("$STRATA" tokenize "$golden/llama3.json" --count --bare --plain "<|endoftext|>")" -gt 1 ]
}

@test "as JSON, and line by line" {
  "$STRATA" tokenize "$golden/gpt2.json" "the heaven" --json | python3 -c '
import json, sys
found = json.load(sys.stdin)
assert found["count"] == len(found["ids"]) == len(found["tokens"]), found
assert "".join(found["tokens"]) == "the\u0120heaven", found'
  run "$STRATA" tokenize bytes --json-lines <<<$'"a\\nb"\n"c"'
  [ "$output" = $'[97,10,98]\n[99]' ]
  run "$STRATA" tokenize bytes --json-lines --decode <<<"$output"
  [ "$output" = $'"a\\nb"\n"c"' ]
}

@test "training, and the same file twice" {
  yes "the cat and the dog and the bird" | head -n 100 >"$BATS_TEST_TMPDIR/text"
  for folder in one two; do
    "$STRATA" tokenize --train "$BATS_TEST_TMPDIR/text" --vocab-size 280 --output "$BATS_TEST_TMPDIR/$folder"
  done
  cmp "$BATS_TEST_TMPDIR/one/tokenizer.json" "$BATS_TEST_TMPDIR/two/tokenizer.json"
  [ "$("$STRATA" tokenize "$BATS_TEST_TMPDIR/one" --count "the cat")" = 2 ]
}

@test "what is wrong is said in one sentence" {
  refuses 2 "expected a TOKENIZER" "$STRATA" tokenize
  refuses 2 "--output" "$STRATA" tokenize --train "$golden/gpt2.json"
  refuses 2 "expected ids" "$STRATA" tokenize bytes --decode "1 two"
  refuses 1 "tokenizer.json" "$STRATA" tokenize "$BATS_TEST_TMPDIR" text
  head -c 3000 "$golden/gpt2.json" >"$BATS_TEST_TMPDIR/cut.json"
  refuses 1 "malformed JSON" "$STRATA" tokenize "$BATS_TEST_TMPDIR/cut.json" text
}
