# What is in a file: no LibTorch, and no trust in what the file says.
load common

@test "a safetensors file" {
  run "$STRATA" inspect "$CHECKOUT/tests/golden/types.safetensors"
  [ "$status" -eq 0 ]
  [[ "$output" == *"zebra"*"F32"*"[2,3]"*"24 B"* ]]
}

@test "as JSON" {
  "$STRATA" inspect "$CHECKOUT/tests/golden/types.safetensors" --json | python3 -c '
import json, sys
file = json.load(sys.stdin)
table = {tensor["name"]: tensor for tensor in file["table"]}
assert table["zebra"] == {"name": "zebra", "type": "F32", "shape": [2, 3], "bytes": 24}, table["zebra"]
assert file["tensors"] == len(file["table"]) == 16'
}

@test "malformed files: one sentence, exit code 1" {
  for file in "$CHECKOUT"/tests/fuzz/corpus/safetensors/bad_*; do
    case $file in *bad_*unknown* | *bad_dtype*) continue ;; esac
    refuses 1 "$file" "$STRATA" inspect "$file"
  done
}

@test "a truncated file" {
  head -c 1000 "$CHECKOUT/tests/golden/types.safetensors" >"$BATS_TEST_TMPDIR/cut.safetensors"
  refuses 1 "cut.safetensors" "$STRATA" inspect "$BATS_TEST_TMPDIR/cut.safetensors"
}

@test "nothing there, and a folder that is no checkpoint" {
  refuses 1 "no such file" "$STRATA" inspect "$BATS_TEST_TMPDIR/nowhere"
  mkdir "$BATS_TEST_TMPDIR/empty"
  refuses 1 "expected a checkpoint" "$STRATA" inspect "$BATS_TEST_TMPDIR/empty"
}

@test "names in the Hugging Face cache: inspected, converted, their tokenizer used" {
  local cache=$BATS_TEST_TMPDIR/hub snapshot=$BATS_TEST_TMPDIR/hub/models--some--tiny/snapshots/abc
  mkdir -p "$snapshot" "$cache/models--some--tiny/refs"
  cp "$CHECKOUT"/tests/golden/hf_language/llama/{config.json,model.safetensors} "$snapshot"
  printf abc >"$cache/models--some--tiny/refs/main"
  export HF_HUB_CACHE=$cache
  cd "$BATS_TEST_TMPDIR"
  [ "$("$STRATA" inspect some/tiny --json)" = "$("$STRATA" inspect "$snapshot" --json)" ]
  "$STRATA" convert some/tiny@main tiny.gguf
  "$STRATA" convert "$snapshot" plain.gguf
  [ "$("$STRATA" inspect tiny.gguf --json | grep general.name)" = '    "general.name": "tiny",' ]
  cmp <("$STRATA" inspect tiny.gguf | tail -n 5) <("$STRATA" inspect plain.gguf | tail -n 5)
  refuses 1 "no such file or folder, and no model of that name in $cache" "$STRATA" convert some/other other.gguf
  refuses 1 "not its revision 'old'" "$STRATA" inspect some/tiny@old
  cp "$CHECKOUT/tests/golden/tokenizers/gpt2.json" "$snapshot/tokenizer.json"
  [ "$("$STRATA" tokenize some/tiny "In the beginning")" = "$("$STRATA" tokenize "$snapshot" "In the beginning")" ]
}

@test "names in a file do not steer the terminal" {
  run "$STRATA" inspect "$CHECKOUT/tests/golden/types.safetensors"
  [[ "$output" != *$'\x1b'* && "$output" != *$'\x07'* ]]
}

@test "config.json with a key given twice, or nested without end" {
  folder=$BATS_TEST_TMPDIR/model
  mkdir "$folder"
  echo '{"a": 1, "a": 2}' >"$folder/config.json"
  refuses 1 "twice" "$STRATA" inspect "$folder"
  head -c 100000 /dev/zero | tr '\0' '[' >"$folder/config.json"
  refuses 1 "deep" "$STRATA" inspect "$folder"
}
