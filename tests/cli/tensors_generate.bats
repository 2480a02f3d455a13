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
