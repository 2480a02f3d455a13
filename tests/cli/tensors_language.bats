# A small language model from nothing: tokenizer, training, fine-tuning on conversations with LoRA, and what comes of it.
load common
bats_require_minimum_version 1.5.0

setup_file() {
  cd "$BATS_FILE_TMPDIR" || return 1
  STRATA=$(cd "$CHECKOUT" && realpath "$STRATA")
  export STRATA
  python3 - <<'PYTHON'
import json
colours = {"grass": "green", "snow": "white", "coal": "black", "blood": "red", "the sky": "blue", "gold": "yellow", "a carrot": "orange", "ash": "grey"}
with open("facts.txt", "w") as text:
    for _ in range(12):
        for thing, colour in colours.items():
            text.write(f"What is the colour of {thing}? The colour of {thing} is {colour}.\n")
with open("chats.jsonl", "w") as chats:
    for _ in range(4):
        for thing, colour in colours.items():
            chats.write(json.dumps({"messages": [{"role": "user", "content": f"Colour of {thing}?"}, {"role": "assistant", "content": f"It is {colour}."}]}) + "\n")
PYTHON
  "$STRATA" tokenize --train facts.txt --vocab-size 320 --special "<|endoftext|>" --output tokens
  cat >base.toml <<'TOML'
[model]
size = "llama-tiny"
vocab = 320
channels = 48
depth = 3
heads = 4
kv_heads = 2
hidden = 96
context = 64
init_std = 0.1
[data]
kind = "text"
set = "facts.txt"
tokens = "tokens"
context = 32
[optimiser]
lr = 1e-2
clip = 1
[train]
steps = 60
batch = 8
[eval]
orders = 0
TOML
  cat >chats.toml <<'TOML'
[model]
start = "base/model"
[data]
kind = "text"
set = "chats.jsonl"
context = 64
packing = "documents"
held_out = 0
test = "chats.jsonl"
[lora]
rank = 6
alpha = 12
targets = ["qkv", "out", "up", "down"]
[optimiser]
lr = 2e-2
clip = 1
[train]
steps = 120
batch = 8
[eval]
orders = 0
TOML
  "$STRATA" train base.toml --out base --quiet >/dev/null
  "$STRATA" train chats.toml --out chats --quiet --json >chats.json
}

setup() {
  cd "$BATS_FILE_TMPDIR" || return 1
}

ids_of() {
  "$STRATA" generate "$@" --greedy --tokens 12 --json --quiet | python3 -c 'import json, sys; print([each["ids"] for each in json.load(sys.stdin)["outputs"]])'
}

@test "the loss is that of answers alone, and becomes small" {
  # What counts of each conversation: the tokens behind "assistant\n", the one that ends the text among them.
  python3 - <<'PYTHON' >texts.jsonl
import json
for line in open("chats.jsonl"):
    asked, answer = [message["content"] for message in json.loads(line)["messages"]]
    start = f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n"
    print(json.dumps(start))
    print(json.dumps(start + answer + "<|im_end|>\n<|endoftext|>"))
PYTHON
  "$STRATA" tokenize chats/model --bare --json-lines <texts.jsonl >ids.jsonl
  "$STRATA" eval chats/model --text chats.jsonl --context 64 --json --quiet >eval.json
  python3 - <<'PYTHON'
import json
ids = [json.loads(line) for line in open("ids.jsonl")]
found, trained = json.load(open("eval.json")), json.load(open("chats.json"))["runs"][0]
assert found["text"]["tokens"] == sum(len(whole) - len(start) for start, whole in zip(ids[::2], ids[1::2])), found
assert all(whole[:len(start)] == start for start, whole in zip(ids[::2], ids[1::2]))
assert abs(found["routes"][0]["loss"] - trained["test_loss"]) < 1e-5, (found, trained)
assert trained["bits_per_byte"] < 0.6, trained
PYTHON
}

@test "the model answers in conversations, by the template that came with training" {
  run --separate-stderr "$STRATA" generate chats/model --message "Colour of snow?" --greedy --tokens 20 --quiet
  [ "$status" -eq 0 ]
  [[ "$output" == "It is white."* ]]
  grep -q "im_start" chats/model/chat_template.jinja
}

@test "base and adapter are the merged model: at run time, merged for good, and as GGUF" {
  prompts=(--ids 40,41,42 --prompt "<|im_start|>user" --prompt "What is the colour of")
  merged=$(ids_of chats/model "${prompts[@]}")
  [ "$(ids_of base/model "${prompts[@]}" --adapter chats/adapter)" = "$merged" ]
  [ "$(ids_of base/model "${prompts[@]}")" != "$merged" ]
  "$STRATA" merge base/model --adapter chats/adapter --output again --quiet
  [ "$(ids_of again "${prompts[@]}")" = "$merged" ]
  "$STRATA" convert chats/model chats.gguf --dtype f32 >/dev/null
  [ "$(ids_of chats.gguf "${prompts[@]}")" = "$merged" ]
  [ "$(ids_of chats.gguf --message "Colour of ash?")" = "$(ids_of chats/model --message "Colour of ash?")" ]
}

@test "the adapter is PEFT's: every layer, q, k and v apart" {
  python3 - <<'PYTHON'
import json
config = json.load(open("chats/adapter/adapter_config.json"))
assert config["peft_type"] == "LORA" and config["r"] == 6 and config["lora_alpha"] == 12, config
assert sorted(name.split(".")[-1] for name in config["target_modules"]) == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"], config
header = open("chats/adapter/adapter_model.safetensors", "rb").read()
tensors = json.loads(header[8:8 + int.from_bytes(header[:8], "little")])
del tensors["__metadata__"]
assert len(tensors) == 3 * 7 * 2
assert tensors["base_model.model.model.layers.2.self_attn.k_proj.lora_B.weight"]["shape"] == [24, 6]
PYTHON
}

@test "eval and probe, prune and merge work on text" {
  "$STRATA" eval chats/model --text facts.txt --route 0-2 0,2 --context 32 --limit 300 --json --quiet | python3 -c '
import json, sys
routes = json.load(sys.stdin)["routes"]
assert routes[0]["bits_per_byte"] > 0 and routes[0]["perplexity"] > 1 and routes[1]["bits_per_byte"] > 0'
  for by in greedy magnitude turn; do
    "$STRATA" prune base/model --keep 2 --by $by --text facts.txt --tokens 300 --output "less-$by" --quiet
    "$STRATA" generate "less-$by" --prompt "What is" --tokens 2 --quiet >/dev/null
  done
  "$STRATA" merge base/model chats/model --weight 0.5,0.5 --output soup --text facts.txt --tokens 300 --json --quiet | python3 -c '
import json, sys
found = json.load(sys.stdin)["interface"]
assert [each["model"] for each in found["scores"]] == ["merged", "base/model", "chats/model"], found
assert all(each["loss"] > 0 for each in found["scores"]) and len(found["seams"]) == 8, found'
  "$STRATA" merge a=base/model b=chats/model --route a:0,b:1,a:2 --output mixed --quiet
  "$STRATA" probe base/model --text facts.txt --tokens 200 --orders 2 --out page --set pairs=false --set heads=false --quiet >/dev/null
  [ -s page/probe.html ]
}

@test "GGUF files bring tokenizer, template and end tokens along" {
  "$STRATA" convert chats/model again.gguf --dtype q8_0 >/dev/null
  run --separate-stderr "$STRATA" generate again.gguf --message "Colour of coal?" --greedy --tokens 20 --quiet
  [ "$status" -eq 0 ]
  [[ "$output" == "It is "* ]]
  sed 's|start = .*|start = "again.gguf"|; s|steps = 120|steps = 2|' chats.toml >gguf.toml
  "$STRATA" train gguf.toml --out from_gguf --quiet >/dev/null
}

@test "what does not fit is named" {
  refuses 2 'expected model.depth = 3 as in the checkpoint, got 4' "$STRATA" train chats.toml --out wrong --set model.depth=4 --quiet
  printf '{"messages": [{"role": "user", "content": "a"}], "tools": [{"name": "f"}]}\n' >tools.jsonl
  refuses 1 'tools.jsonl:1: tools: expected none' "$STRATA" train chats.toml --out wrong --set data.set=tools.jsonl --quiet
  sed 's/"target_modules": \[/"target_modules": ["lm_head",/' chats/adapter/adapter_config.json >/dev/null
  mkdir -p bad && cp chats/adapter/* bad
  sed -i 's/"use_dora": false/"use_dora": true/' bad/adapter_config.json
  refuses 1 'use_dora' "$STRATA" generate base/model --ids 1 --adapter bad --quiet
}
