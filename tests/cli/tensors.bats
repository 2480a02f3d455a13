# The verbs that need LibTorch, on a model of a few steps.
load common

setup_file() {
  command -v "$STRATA" >/dev/null || [ -x "$STRATA" ]
  export MODEL=$BATS_FILE_TMPDIR/run/model
  "$STRATA" train fashion/layershuffle --set train.steps=3 --set data.limit=256 --set data.test_limit=64 --set eval.orders=2 --out "$BATS_FILE_TMPDIR/run" --quiet >/dev/null
}

@test "train leaves a checkpoint that inspect reads" {
  run "$STRATA" inspect "$MODEL"
  [ "$status" -eq 0 ]
  [[ "$output" == *"ViTForImageClassification"* ]]
}

@test "a finished run is shown, not repeated" {
  run "$STRATA" train fashion/layershuffle --set train.steps=3 --set data.limit=256 --set data.test_limit=64 --set eval.orders=2 --out "$BATS_FILE_TMPDIR/run" --json
  [ "$status" -eq 0 ]
  [[ "$output" == *'"steps": 3'* ]]
}

@test "eval: routes, random orders, JSON" {
  "$STRATA" eval "$MODEL" --route 0-5 5,4,3,2,1,0 none --orders 3 --limit 32 --json | python3 -c '
import json, sys
result = json.load(sys.stdin)
routes = [each["route"] for each in result["routes"]]
assert routes[:3] == ["0-5", "5,4,3,2,1,0", "none"] and len(routes) == 6, routes
assert result["samples"] == 32
assert result["random"]["routes"] == 3
assert result["block_passes"] <= result["block_passes_one_by_one"]'
}

@test "eval: shared beginnings change nothing" {
  "$STRATA" eval "$MODEL" --route 0-5 0-3 0-2,5 --limit 32 --json >"$BATS_TEST_TMPDIR/shared"
  "$STRATA" eval "$MODEL" --route 0-5 0-3 0-2,5 --limit 32 --json --one-by-one >"$BATS_TEST_TMPDIR/separate"
  diff <(grep -E 'accuracy|loss' "$BATS_TEST_TMPDIR/shared") <(grep -E 'accuracy|loss' "$BATS_TEST_TMPDIR/separate")
}

@test "eval: routes from a file, and its mistakes by line" {
  printf '# two routes\n0-5\n\n3-5  # late half\n' >"$BATS_TEST_TMPDIR/routes"
  run "$STRATA" eval "$MODEL" --routes "$BATS_TEST_TMPDIR/routes" --limit 16
  [ "$status" -eq 0 ]
  [[ "$output" == *"3-5"* ]]
  printf '0-5\n0-\n' >"$BATS_TEST_TMPDIR/routes"
  refuses 1 "routes:2: " "$STRATA" eval "$MODEL" --routes "$BATS_TEST_TMPDIR/routes"
}

@test "eval: another model's blocks" {
  run "$STRATA" eval "$MODEL" --source a="$MODEL" --route a:0-2,3-5 0-5 --limit 32 --json
  [ "$status" -eq 0 ]
  [ "$(grep -c '"accuracy"' <<<"$output")" -eq 2 ]
  [ "$(grep '"loss"' <<<"$output" | sort -u | wc -l)" -eq 1 ]
  refuses 2 "NAME=FOLDER" "$STRATA" eval "$MODEL" --source nonsense
  refuses 1 "'b'" "$STRATA" eval "$MODEL" --route b:0-5
}

@test "a route that names a block that is not there" {
  refuses 1 "block 9 not in stack" "$STRATA" eval "$MODEL" --route 0-3,9
  refuses 1 "expected" "$STRATA" eval "$MODEL" --route 0-
}

@test "a missing data folder" {
  refuses 1 "$BATS_TEST_TMPDIR/nowhere" "$STRATA" eval "$MODEL" --data "$BATS_TEST_TMPDIR/nowhere"
  STRATA_DATA=$BATS_TEST_TMPDIR/nowhere refuses 1 "fashion-mnist" "$STRATA" eval "$MODEL"
}

@test "no model, a truncated one, one of another shape" {
  refuses 1 "$BATS_TEST_TMPDIR/nowhere" "$STRATA" eval "$BATS_TEST_TMPDIR/nowhere"
  cp -r "$MODEL" "$BATS_TEST_TMPDIR/cut"
  truncate -s 5000 "$BATS_TEST_TMPDIR/cut/model.safetensors"
  refuses 1 "model.safetensors" "$STRATA" eval "$BATS_TEST_TMPDIR/cut"
  cp -r "$MODEL" "$BATS_TEST_TMPDIR/other"
  sed -i 's/"hidden_size": *[0-9]*/"hidden_size": 96/' "$BATS_TEST_TMPDIR/other/config.json"
  refuses 1 "instead of" "$STRATA" eval "$BATS_TEST_TMPDIR/other"
}

@test "train: a key that does not exist, a value of the wrong kind, no such recipe" {
  refuses 2 "train.stepz" "$STRATA" train fashion/plain --set train.stepz=3
  refuses 2 "train.steps" "$STRATA" train fashion/plain --set train.steps=many
  refuses 2 "fashion/plain" "$STRATA" train fashion/plane
  printf '[train]\nstep = 3\n' >"$BATS_TEST_TMPDIR/bad.toml"
  refuses 2 "bad.toml:2:1" "$STRATA" train "$BATS_TEST_TMPDIR/bad.toml"
}

@test "run: logits and taps" {
  python3 - "$BATS_TEST_TMPDIR/in.safetensors" <<'PYTHON'
import json, struct, sys
header = json.dumps({"pixel_values": {"dtype": "F32", "shape": [2, 1, 28, 28], "data_offsets": [0, 6272]}}).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(header)) + header + struct.pack("<1568f", *[i % 7 / 7 for i in range(1568)]))
PYTHON
  run "$STRATA" run "$MODEL" --input "$BATS_TEST_TMPDIR/in.safetensors" --output "$BATS_TEST_TMPDIR/out.safetensors" --route 0,2 --tap norm slot.1.block.2.mixer --json
  [ "$status" -eq 0 ]
  run "$STRATA" inspect "$BATS_TEST_TMPDIR/out.safetensors"
  [[ "$output" == *"logits"*"[2,10]"* ]]
  [[ "$output" == *"slot.1.block.2.mixer"* ]]
  refuses 1 "slot.9" "$STRATA" run "$MODEL" --input "$BATS_TEST_TMPDIR/in.safetensors" --output "$BATS_TEST_TMPDIR/out" --tap slot.9
  refuses 1 "pixel_values" "$STRATA" run "$MODEL" --input "$MODEL/model.safetensors" --output "$BATS_TEST_TMPDIR/out"
  refuses 1 "$BATS_TEST_TMPDIR/no/out" "$STRATA" run "$MODEL" --input "$BATS_TEST_TMPDIR/in.safetensors" --output "$BATS_TEST_TMPDIR/no/out"
}

@test "a full disk while saving loses nothing" {
  # No file may grow beyond a few blocks; the signal that tells so is ignored, as with a full disk the write itself fails.
  before=$(sha256sum "$MODEL/model.safetensors")
  status=0
  (
    trap '' XFSZ
    ulimit -f 16
    "$STRATA" train fashion/layershuffle --set train.steps=4 --set data.limit=256 --set data.test_limit=64 --set eval.orders=0 --restart --out "$BATS_FILE_TMPDIR/full" --quiet
  ) >/dev/null 2>"$BATS_TEST_TMPDIR/errors" || status=$?
  cat "$BATS_TEST_TMPDIR/errors"
  [ "$status" -eq 1 ]
  [ "$(wc -l <"$BATS_TEST_TMPDIR/errors")" -eq 1 ]
  [ ! -e "$BATS_FILE_TMPDIR/full/model" ]
  [ "$(sha256sum "$MODEL/model.safetensors")" = "$before" ]
}

@test "doctor finds one pool of threads" {
  run "$STRATA" doctor --json
  [ "$status" -eq 0 ]
  [[ "$output" == *'"1 runtime"'* ]]
}

@test "probe: page, pictures, the same numbers as JSON" {
  out=$BATS_TEST_TMPDIR/report
  "$STRATA" probe "$MODEL" --out "$out" --images 24 --orders 3 --set subsets=2 --set per_distance=1 --set map_images=3 --json >"$BATS_TEST_TMPDIR/json"
  [ -s "$out/probe.html" ]
  ! grep -qE 'https?:|<script' "$out/probe.html"
  python3 - "$out/probe.json" "$BATS_TEST_TMPDIR/json" <<'PYTHON'
import json, sys
stored, printed = (json.load(open(path)) for path in sys.argv[1:])
assert stored["models"] == printed["models"]
model, = stored["models"]
assert model["name"] == "layershuffle" and model["images"] == 24 and model["depth"] == 6
assert len(model["missing"]) == 7 and len(model["orders"]) == 3
assert model["work"]["passes"] < model["work"]["passes_one_by_one"]
PYTHON
}

@test "probe: several models, and what it refuses" {
  run "$STRATA" probe "$MODEL" "$MODEL" --out "$BATS_TEST_TMPDIR/report" --images 16 --orders 2 --set map_images=0 --set timing_images=0 --set pairs=false
  [ "$status" -eq 0 ]
  [[ "$output" == *"probe.html"* ]]
  refuses 2 "pair" "$STRATA" probe "$MODEL" --set pair=false
  refuses 1 "config.json" "$STRATA" probe "$BATS_TEST_TMPDIR/nowhere"
  refuses 2 "orders" "$STRATA" probe "$MODEL" --orders 1000000
}
