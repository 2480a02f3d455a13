# strata generate, on the small checkpoints of tests/golden.
load common
bats_require_minimum_version 1.5.0

MODEL=tests/golden/hf_language/llama

@test "generate: ids in, ids out, the same with and without caches" {
  run --separate-stderr "$STRATA" generate $MODEL --ids 3,5,7 --tokens 8 --greedy --ignore-end
  [ "$status" -eq 0 ]
  cached=$output
  [[ "$stderr" == *"8 new tokens, ended by length"* ]]
  run --separate-stderr "$STRATA" generate $MODEL --ids 3,5,7 --tokens 8 --greedy --ignore-end --uncached --quiet
  [ "$output" = "$cached" ]
  [ -z "$stderr" ]
}

@test "generate: JSON has outputs, log-probabilities and times" {
  "$STRATA" generate $MODEL --ids 3,5 --ids 9 --copies 2 --temperature 0.8 --seed 4 --tokens 5 --logprobs 2 --route 1,0 --ignore-end --json | python3 -c '
import json, sys
result = json.load(sys.stdin)
assert result["route"] == "1,0"
assert [(each["prompt"], each["copy"]) for each in result["outputs"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
for each in result["outputs"]:
    assert len(each["ids"]) == 5 and each["reason"] == "length"
    assert all(len(token["top"]) == 2 and token["logprob"] <= 0 for token in each["logprobs"])
assert result["new_tokens"] == 20 and result["prompt_tokens"] == 6'
}

@test "generate: a GGUF file gives the tokens of the folder, and says what it lacks" {
  cd "$BATS_TEST_TMPDIR"
  cp -r "$CHECKOUT/$MODEL" model
  cat >model/tokenizer.json <<'JSON'
{"added_tokens": [{"id": 4, "content": "<s>", "special": true}, {"id": 5, "content": "</s>", "special": true}],
 "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
                                                         {"type": "ByteLevel", "add_prefix_space": false}]},
 "post_processor": {"type": "RobertaProcessing", "cls": ["<s>", 4], "sep": ["</s>", 5]}, "decoder": {"type": "ByteLevel"},
 "model": {"type": "BPE", "vocab": {"a": 0, "1": 1, "aa": 2, "11": 3, "x": 6}, "merges": ["a a", "1 1"]}}
JSON
  echo '{"bos_token": "<s>"}' >model/tokenizer_config.json
  "$STRATA" convert model ours.gguf --dtype f32
  [ "$("$STRATA" tokenize model aa11x)" = "4 2 1 1 6 5" ]
  # As another program writes it: without the text of tokenizer.json.
  sed 's/tokenizer.huggingface.json/tokenizer.huggingface.jsox/; s/strata.config/strata.confix/' ours.gguf >theirs.gguf
  sed 's/smollm/smallm/' theirs.gguf >unknown.gguf
  for file in ours.gguf theirs.gguf; do
    [ "$("$STRATA" tokenize $file aa11x)" = "4 2 1 1 6 5" ]
    [ "$("$STRATA" generate $file --prompt aa11x --greedy --tokens 5 --quiet --ignore-end)" = \
      "$("$STRATA" generate model --prompt aa11x --greedy --tokens 5 --quiet --ignore-end)" ]
  done
  refuses 1 "tokenizer.ggml.pre is 'smallm', a way to cut text into words that is not known" \
    "$STRATA" generate unknown.gguf --prompt aa --quiet
  refuses 1 "tokenizer.ggml.pre is 'smallm'" "$STRATA" tokenize unknown.gguf aa
  run --separate-stderr "$STRATA" generate unknown.gguf --ids 1 --tokens 1
  [[ "$status" -eq 0 && "$stderr" == *"unknown.gguf: tokenizer.ggml.pre is 'smallm'"* ]]
  echo '{"eos_token_id": [5, 99999]}' >model/generation_config.json
  run --separate-stderr "$STRATA" generate model --ids 1 --tokens 1
  [[ "$status" -eq 0 && "$stderr" == *"eos_token_id 99999 is none of the model's "*" tokens: it will never end"* ]]
  rm model/tokenizer*.json model/generation_config.json
  "$STRATA" convert model bare.gguf
  refuses 1 "expected a vocabulary in the file, found none" "$STRATA" generate bare.gguf --prompt a --quiet
}

@test "generate: wrong usage is named" {
  run "$STRATA" generate $MODEL
  [ "$status" -eq 2 ]
  [[ "$output" == *"expected something to continue"* ]]
  run "$STRATA" generate $MODEL --ids 1,x
  [ "$status" -eq 2 ]
  run "$STRATA" generate $MODEL --ids 1 --top-p 3
  [ "$status" -eq 2 ]
  [[ "$output" == *"top_p: expected a number above 0 and up to 1, found 3"* ]]
  run "$STRATA" generate $MODEL --prompt text
  [ "$status" -eq 1 ]
  [[ "$output" == *"tokenizer.json"* ]]
  run "$STRATA" generate $MODEL --ids 1 --copies 2 --stream
  [ "$status" -eq 2 ]
  run "$STRATA" generate $MODEL --ids 4000
  [ "$status" -eq 1 ]
}

@test "generate: the length is that of generation_config.json, the prompt counted or not" {
  local folder=$BATS_TEST_TMPDIR/model
  cp -r $MODEL "$folder"
  new_tokens() { "$STRATA" generate "$folder" "$@" --greedy --ignore-end --json --quiet | python3 -c 'import json, sys; print(*[len(each["ids"]) for each in json.load(sys.stdin)["outputs"]])'; }
  echo '{"max_length": 10}' >"$folder/generation_config.json"
  [ "$(new_tokens --ids 3,5,7 --ids 3)" = "7 9" ]
  [ "$(new_tokens --ids 3,5,7 --tokens 12)" = 12 ]
  refuses 1 "max_length is 10, prompt included, and a prompt has 10 tokens; give --tokens" "$STRATA" generate "$folder" --ids 1,2,3,4,5,6,7,8,9,1
  echo '{"max_length": 10, "max_new_tokens": 4}' >"$folder/generation_config.json"
  [ "$(new_tokens --ids 3,5,7)" = 4 ]
  echo '{"max_length": 20}' >"$folder/generation_config.json"
  [ "$(new_tokens --ids 3,5,7)" = 128 ]
}
