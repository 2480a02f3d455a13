# prune, merge, ensembles and models by name, on models of a few steps.
load common

setup_file() {
  command -v "$STRATA" >/dev/null || [ -x "$STRATA" ]
  export A=$BATS_FILE_TMPDIR/a/model B=$BATS_FILE_TMPDIR/b/model
  local common=(--set train.steps=3 --set data.limit=256 --set data.test_limit=64 --set eval.orders=0 --quiet)
  "$STRATA" train fashion/plain "${common[@]}" --out "$BATS_FILE_TMPDIR/a" >/dev/null
  "$STRATA" train fashion/plain "${common[@]}" --set train.seed=1 --out "$BATS_FILE_TMPDIR/b" >/dev/null
}

# scores OF JSON: accuracy and loss of every route.
scores() {
  grep -E '"(accuracy|loss)"'
}

@test "a pruned checkpoint gives the route's results" {
  "$STRATA" prune "$A" --route 0,2,5 --output "$BATS_TEST_TMPDIR/small" --quiet
  diff <("$STRATA" eval "$A" --route 0,2,5 --limit 64 --json | scores) <("$STRATA" eval "$BATS_TEST_TMPDIR/small" --limit 64 --json | scores)
  "$STRATA" inspect "$BATS_TEST_TMPDIR/small" --json | python3 -c '
import json, sys
folder = json.load(sys.stdin)
assert folder["config"]["num_hidden_layers"] == 3
assert folder["strata"]["block_ids"] == ["0", "2", "5"]
assert folder["strata"]["provenance"][0]["detail"] == "route 0,2,5"'
}

@test "prune chooses blocks in several ways" {
  for by in greedy magnitude turn even; do
    "$STRATA" prune "$A" --keep 4 --by $by --images 64 --output "$BATS_TEST_TMPDIR/$by" --json >"$BATS_TEST_TMPDIR/json"
    grep -q '"blocks": 4' "$BATS_TEST_TMPDIR/json"
  done
  "$STRATA" probe "$A" --images 32 --orders 2 --set subsets=2 --set map_images=0 --set timing_images=0 --set choice_images=32 --out "$BATS_TEST_TMPDIR/probe" --quiet >/dev/null
  "$STRATA" prune "$A" --keep 4 --by probe --probe "$BATS_TEST_TMPDIR/probe/probe.json" --output "$BATS_TEST_TMPDIR/probed" --quiet
  [ -f "$BATS_TEST_TMPDIR/probed/model.safetensors" ]
}

@test "prune: mistakes" {
  refuses 2 "either --route" "$STRATA" prune "$A" --output "$BATS_TEST_TMPDIR/x"
  refuses 2 "either --route" "$STRATA" prune "$A" --route 0-2 --keep 3 --output "$BATS_TEST_TMPDIR/x"
  refuses 2 "cannot keep 9" "$STRATA" prune "$A" --keep 9 --output "$BATS_TEST_TMPDIR/x"
  refuses 2 "belong together" "$STRATA" prune "$A" --keep 3 --by probe --output "$BATS_TEST_TMPDIR/x"
  refuses 1 "side by side" "$STRATA" prune "$A" --route 0+1 --output "$BATS_TEST_TMPDIR/x"
  refuses 2 "choose another folder" "$STRATA" prune "$A" --route 0 --output "$A"
  [ ! -e "$BATS_TEST_TMPDIR/x" ]
}

@test "models by name, at run time and on disk" {
  "$STRATA" merge a="$A" b="$B" --route a:0-2,b:3-5 --force --images 32 --output "$BATS_TEST_TMPDIR/ab" --quiet
  diff <("$STRATA" eval a="$A" b="$B" --route a:0-2,b:3-5 --limit 64 --json | scores) <("$STRATA" eval "$BATS_TEST_TMPDIR/ab" --limit 64 --json | scores)
  refuses 2 "by name only" "$STRATA" eval "$A" "$B"
  refuses 2 "called 'a'" "$STRATA" eval a="$A" a="$B"
}

@test "strangers are refused, and merged when forced" {
  refuses 1 "do not descend from one start" "$STRATA" merge "$A" "$B" --output "$BATS_TEST_TMPDIR/soup"
  "$STRATA" merge "$A" "$B" --force --images 32 --output "$BATS_TEST_TMPDIR/soup" --json 2>/dev/null | python3 -c '
import json, sys
result = json.load(sys.stdin)
assert abs(list(result["kinship"].values())[0]) < 0.2
assert len(result["interface"]["seams"]) == 14
assert [each["model"] for each in result["interface"]["scores"]][0] == "merged"'
}

@test "merge --dry-run reports and writes nothing" {
  "$STRATA" merge a="$A" b="$B" --route a:0-2,b:3-5 --force --images 32 --dry-run --json 2>/dev/null | python3 -c '
import json, sys
seams = json.load(sys.stdin)["interface"]["seams"]
assert [each["block"] for each in seams] == ["b:3", "head"], seams
assert all(0 <= each["cka"] <= 1 and each["norm_then"] > 0 and each["norm_now"] > 0 for each in seams)'
  refuses 2 "either --output" "$STRATA" merge "$A" "$A"
  refuses 2 "either --output" "$STRATA" merge "$A" "$A" --dry-run --output "$BATS_TEST_TMPDIR/x"
}

# stranger_to FOLDER OTHER: a copy that sees nothing but where patches lie; its blocks are the same.
stranger_to() {
  cp -r "$1" "$2"
  python3 - "$2/model.safetensors" <<'PY'
import json, random, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
length = struct.unpack("<Q", data[:8])[0]
random.seed(0)
for name, entry in json.loads(data[8:8 + length]).items():
    if "position_embeddings" in name:
        begin, end = (8 + length + at for at in entry["data_offsets"])
        for at in range(begin, end, 4):
            struct.pack_into("<f", data, at, random.gauss(0, 100))
open(sys.argv[1], "wb").write(data)
PY
}

@test "models that do not fit are reported and not written, but when forced" {
  local other=$BATS_TEST_TMPDIR/other out=$BATS_TEST_TMPDIR/out
  stranger_to "$A" "$other"
  refuses 1 "the models do not fit: " "$STRATA" merge a="$A" b="$other" --route a:0-2,b:3-5 --images 32 --output "$out"
  [ ! -e "$out" ]
  "$STRATA" merge a="$A" b="$other" --route a:0-2,b:3-5 --images 32 --output "$out" 2>/dev/null >"$BATS_TEST_TMPDIR/report" || true
  grep -q "b:3" "$BATS_TEST_TMPDIR/report"
  "$STRATA" merge a="$A" b="$other" --route a:0-2,b:3-5 --images 32 --dry-run --json 2>/dev/null | grep -q '"fits": false'
  # Blocks that change places are not judged.
  "$STRATA" merge a="$A" b="$other" --route b:5,a:0-2,b:3-4 --images 32 --output "$BATS_TEST_TMPDIR/moved" --quiet
  "$STRATA" merge a="$A" b="$other" --route a:0-2,b:3-5 --images 32 --output "$out" --force --quiet
  [ -f "$out/model.safetensors" ]
}

@test "images that nobody gave are noise, and merge says so" {
  "$STRATA" merge tests/golden/hf_vit tests/golden/hf_vit --dry-run | grep "checked on Gaussian noise"
}

@test "what surgery made says so, not how its sources were trained" {
  "$STRATA" prune "$A" --route 0,2,5 --output "$BATS_TEST_TMPDIR/small" --quiet
  "$STRATA" prune "$BATS_TEST_TMPDIR/small" --route 0,1 --output "$BATS_TEST_TMPDIR/smaller" --quiet
  "$STRATA" inspect "$BATS_TEST_TMPDIR/smaller" --json | python3 -c '
import json, sys
strata = json.load(sys.stdin)["strata"]
assert strata["recipe"] == "" and strata["steps"] == 0, strata
first, second = strata["provenance"]
assert "recipe" in first["sources"][0] and "3 steps" in first["sources"][0], first
assert "small: prune (route 0,2,5) of " in second["sources"][0], second'
}

@test "a name in the Hugging Face cache: in a recipe, and probed" {
  local cache=$BATS_TEST_TMPDIR/hub
  mkdir -p "$cache/models--google--tiny/snapshots" "$cache/models--google--tiny/refs" "$BATS_TEST_TMPDIR/recipes"
  cp -r "$A" "$cache/models--google--tiny/snapshots/abc"
  printf abc >"$cache/models--google--tiny/refs/main"
  export HF_HUB_CACHE=$cache
  printf 'models: [{model: google/tiny, parameters: {weight: 1}}]\nmerge_method: linear\n' >"$BATS_TEST_TMPDIR/recipes/merge.yml"
  cd "$BATS_TEST_TMPDIR"
  "$STRATA" merge --config recipes/merge.yml --images 0 --output out --quiet
  cmp "$A/model.safetensors" out/model.safetensors
  printf 'models: [{model: google/tiny+some/adapter, parameters: {weight: 1}}]\nmerge_method: linear\n' >recipes/merge.yml
  refuses 1 "strata merge google/tiny --adapter some/adapter" "$STRATA" merge --config recipes/merge.yml --output x
  "$STRATA" probe google/tiny --images 32 --orders 2 --set subsets=2 --set map_images=0 --set timing_images=0 --set choice_images=32 --quiet >/dev/null
  [ -f runs/probe/probe.json ]
  [ ! -e google ]
}

@test "language models are merged and checked on random tokens" {
  local llama=tests/golden/hf_language/llama
  "$STRATA" merge "$llama" "$llama" --method slerp --output "$BATS_TEST_TMPDIR/llama" --json | python3 -c '
import json, sys
interface = json.load(sys.stdin)["interface"]
assert interface["data"] == "random tokens" and all(each["difference"] == 0 for each in interface["seams"]), interface'
  "$STRATA" merge "$llama" --route 0,1,0 --dry-run --json | grep -q '"head"'
  refuses 2 "say --text" "$STRATA" merge "$llama" "$llama" --data "$BATS_TEST_TMPDIR" --dry-run
}

@test "merging a model with itself gives it back" {
  for method in linear slerp; do
    "$STRATA" merge "$A" "$A" --method $method --images 0 --output "$BATS_TEST_TMPDIR/$method" --quiet
    cmp "$A/model.safetensors" "$BATS_TEST_TMPDIR/$method/model.safetensors"
  done
  for method in task_arithmetic ties dare_linear dare_ties; do
    "$STRATA" merge "$A" "$A" --method $method --base "$A" --images 0 --output "$BATS_TEST_TMPDIR/$method" --quiet
    cmp "$A/model.safetensors" "$BATS_TEST_TMPDIR/$method/model.safetensors"
  done
}

@test "a mergekit recipe, its folders relative to it" {
  cp -r "$A" "$BATS_TEST_TMPDIR/first"
  cat >"$BATS_TEST_TMPDIR/merge.yml" <<'YAML'
slices:
  - sources:
      - {model: first, layer_range: [0, 4]}
  - sources:
      - {model: first, layer_range: [2, 6]}
merge_method: passthrough
dtype: float32
YAML
  (cd / && "$STRATA" merge --config "$BATS_TEST_TMPDIR/merge.yml" --images 32 --output "$BATS_TEST_TMPDIR/long" --quiet)
  diff <("$STRATA" eval "$A" --route 0-3,2-5 --limit 64 --json | scores) <("$STRATA" eval "$BATS_TEST_TMPDIR/long" --limit 64 --json | scores)
  sed -i 's/passthrough/model_stock/' "$BATS_TEST_TMPDIR/merge.yml"
  refuses 1 "merge.yml:6:15: " "$STRATA" merge --config "$BATS_TEST_TMPDIR/merge.yml" --output "$BATS_TEST_TMPDIR/x"
  printf 'models: [{model: nowhere, parameters: {weight: 1}}]\nmerge_method: linear\n' >"$BATS_TEST_TMPDIR/merge.yml"
  refuses 1 "nowhere" "$STRATA" merge --config "$BATS_TEST_TMPDIR/merge.yml" --output "$BATS_TEST_TMPDIR/x"
}

@test "merge: mistakes" {
  refuses 2 "expected the folders" "$STRATA" merge --output "$BATS_TEST_TMPDIR/x"
  refuses 2 "--density means nothing" "$STRATA" merge "$A" "$A" --density 1,1 --output "$BATS_TEST_TMPDIR/x"
  refuses 2 "one number for each" "$STRATA" merge "$A" "$A" --weight 1 --output "$BATS_TEST_TMPDIR/x"
  refuses 1 "base" "$STRATA" merge "$A" "$A" --method ties --output "$BATS_TEST_TMPDIR/x"
  refuses 2 "leave --method" "$STRATA" merge "$A" --route 0-2 --method slerp --output "$BATS_TEST_TMPDIR/x"
  refuses 2 "choose another folder" "$STRATA" merge "$A" "$A" --output "$A"
  [ ! -e "$BATS_TEST_TMPDIR/x" ]
}

@test "random merges of models" {
  "$STRATA" eval a="$A" b="$B" --merges 5 --any-slot --limit 64 --json | python3 -c '
import json, sys
result = json.load(sys.stdin)
assert result["random"]["routes"] == 5 and len(result["routes"]) == 6, result'
  refuses 2 "--any-slot" "$STRATA" eval a="$A" b="$B" --any-slot
  refuses 2 "both say" "$STRATA" eval a="$A" b="$B" --merges 2 --orders 2
}

@test "ensembles of routes and of models" {
  "$STRATA" eval "$A" --route 0-5 5,4,3,2,1,0 --ensemble --limit 64 --json >"$BATS_TEST_TMPDIR/one"
  "$STRATA" eval "$A" --route 5,4,3,2,1,0 0-5 --ensemble --limit 64 --json >"$BATS_TEST_TMPDIR/other"
  diff <(sed -n '/"ensemble"/,/}/p' "$BATS_TEST_TMPDIR/one") <(sed -n '/"ensemble"/,/}/p' "$BATS_TEST_TMPDIR/other")
  grep -q '"members": 2' "$BATS_TEST_TMPDIR/one"
  "$STRATA" eval "$A" "$B" --ensemble --average logits --limit 64 --json | grep -q '"members": 2'
}
