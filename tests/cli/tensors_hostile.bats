# Damaged data and checkpoints as a user meets them: one clear error, exit code 1, nothing lost.
load common

setup_file() {
  command -v "$STRATA" >/dev/null || [ -x "$STRATA" ]
  export MODEL=$BATS_FILE_TMPDIR/run/model
  "$STRATA" train fashion/plain --set train.steps=2 --set data.limit=64 --set data.test_limit=32 --set eval.orders=0 --out "$BATS_FILE_TMPDIR/run" --quiet >/dev/null
  # The classes of the images below.
  python3 - "$MODEL/config.json" <<'PYTHON'
import json, sys
config = json.load(open(sys.argv[1]))
config["id2label"] = {str(i): f"class{i}" for i in range(10)}
config["label2id"] = {f"class{i}": i for i in range(10)}
json.dump(config, open(sys.argv[1], "w"))
PYTHON
}

setup() {
  # Ten classes of two grey images each, in train/ and test/.
  export DATA=$BATS_TEST_TMPDIR/data
  python3 - "$DATA" <<'PYTHON'
import pathlib, struct, sys, zlib
def png(value, side=28):
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + bytes((value * y + x) % 256 for x in range(side)) for y in range(side))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
for split in ("train", "test"):
    for label in range(10):
        folder = pathlib.Path(sys.argv[1], split, f"class{label}")
        folder.mkdir(parents=True)
        for i in range(2):
            (folder / f"{i}.png").write_bytes(png(label + 10 * i + 1))
PYTHON
}

# Every verb that reads images says `words` about them, and leaves no checkpoint behind.
refused_everywhere() {
  refuses 1 "$1" "$STRATA" eval "$MODEL" --data "$DATA"
  refuses 1 "$1" "$STRATA" probe "$MODEL" --data "$DATA" --out "$BATS_TEST_TMPDIR/probe" --quiet
  refuses 1 "$1" "$STRATA" train fashion/plain --set data.set="$DATA" --set train.steps=3 --set eval.orders=0 --out "$BATS_TEST_TMPDIR/train" --quiet
  [ ! -e "$BATS_TEST_TMPDIR/train/model" ]
  [ ! -e "$BATS_TEST_TMPDIR/probe" ]
}

@test "the folder itself is fine" {
  "$STRATA" eval "$MODEL" --data "$DATA" --json | grep -q '"samples": 20'
  "$STRATA" train fashion/plain --set data.set="$DATA" --set train.steps=2 --set eval.orders=0 --out "$BATS_TEST_TMPDIR/train" --quiet
  [ -f "$BATS_TEST_TMPDIR/train/model/model.safetensors" ]
}

@test "one broken image of twenty, cut off or of another kind" {
  for split in train test; do
    truncate -s 70 "$DATA/$split/class3/1.png"
  done
  refused_everywhere "class3/1.png"
  for split in train test; do
    echo "no image" >"$DATA/$split/class3/1.png"
  done
  refused_everywhere "class3/1.png"
}

@test "an image whose header claims a size beyond reason" {
  for split in train test; do
    python3 - "$DATA/$split/class5/0.png" <<'PYTHON'
import struct, sys, zlib
header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 16, 6, 0, 0, 0)
open(sys.argv[1], "wb").write(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + bytes(100))
PYTHON
  done
  (
    ulimit -v 8388608 # what LibTorch maps, and no room for the picture
    refused_everywhere "class5/0.png"
  )
}

@test "a class without images" {
  rm "$DATA"/train/class7/*.png "$DATA"/test/class7/*.png
  refused_everywhere "class7: expected images"
}

@test "links that lead nowhere or to themselves, as an image and as a class" {
  for split in train test; do
    ln -s loop.png "$DATA/$split/class0/loop.png"
  done
  refused_everywhere "class0/loop.png: cannot be read"
  rm "$DATA"/*/class0/loop.png
  for split in train test; do
    ln -s nowhere "$DATA/$split/class9x"
  done
  refused_everywhere "class9x: cannot be read"
  rm "$DATA"/*/class9x
  # Links to a folder above are not followed.
  ln -s .. "$DATA/test/class1/up"
  "$STRATA" eval "$MODEL" --data "$DATA" --json | grep -q '"samples": 20'
}

@test "classes that training does not know, and more than the model tells apart" {
  mv "$DATA/test/class2" "$DATA/test/class2b"
  refuses 1 "no class of that name" "$STRATA" eval "$MODEL" --data "$DATA"
  mv "$DATA/test/class2b" "$DATA/test/class2"
  for split in train test; do
    cp -r "$DATA/$split/class9" "$DATA/$split/class99"
  done
  refuses 1 "found 1 of 11 that are not: 'class99'" "$STRATA" eval "$MODEL" --data "$DATA"
  refuses 1 "model.classes to 11" "$STRATA" train fashion/plain --set data.set="$DATA" --set train.steps=3 --out "$BATS_TEST_TMPDIR/train" --quiet
}

# A checkpoint changed by Python code that sees `tensors` (name -> [dtype, shape, bytes]).
changed() {
  rm -rf "$BATS_TEST_TMPDIR/model"
  cp -r "$MODEL" "$BATS_TEST_TMPDIR/model"
  python3 - "$BATS_TEST_TMPDIR/model/model.safetensors" "$1" <<'PYTHON'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size, = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + size])
header.pop("__metadata__", None)
tensors = {name: [entry["dtype"], entry["shape"], data[8 + size:][slice(*entry["data_offsets"])]] for name, entry in header.items()}
exec(sys.argv[2])
header, body = {}, b""
for name, (dtype, shape, values) in tensors.items():
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(values)]}
    body += values
header = json.dumps(header).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(header)) + header + body)
PYTHON
}

@test "checkpoints with missing, unknown and misshaped tensors" {
  local head=classifier.weight model=$BATS_TEST_TMPDIR/model
  changed "pass"
  "$STRATA" eval "$model" --limit 16 --json | grep -q accuracy
  changed "del tensors['$head']"
  for verb in "eval $model" "probe $model --out $BATS_TEST_TMPDIR/probe" "prune $model --keep 3 --by even --output $BATS_TEST_TMPDIR/small" \
    "merge $model $MODEL --output $BATS_TEST_TMPDIR/small" "train fashion/plain --set model.start=$model --out $BATS_TEST_TMPDIR/train"; do
    # shellcheck disable=SC2086
    refuses 1 "1 missing: $head" "$STRATA" $verb
  done
  changed "tensors['$head'][1] = [48, 10]"
  refuses 1 "$head [48, 10] instead of [10, 48]" "$STRATA" eval "$model"
  changed "tensors['stowaway'] = tensors['$head']"
  refuses 1 "1 unexpected: stowaway" "$STRATA" eval "$model"
  changed "tensors['$head'][0] = 'I32'"
  refuses 1 "found I32" "$STRATA" eval "$model"
  [ ! -e "$BATS_TEST_TMPDIR/small" ] && [ ! -e "$BATS_TEST_TMPDIR/train/model" ] && [ ! -e "$BATS_TEST_TMPDIR/probe" ]
}

@test "surgery that fails leaves what was there" {
  cp -r "$MODEL" "$BATS_TEST_TMPDIR/kept"
  before=$(cat "$BATS_TEST_TMPDIR"/kept/* | sha256sum)
  changed "tensors['vit.layernorm.bias'][1] = [2, 24]"
  refuses 1 "instead of" "$STRATA" prune "$BATS_TEST_TMPDIR/model" --keep 3 --by even --output "$BATS_TEST_TMPDIR/kept"
  refuses 1 "instead of" "$STRATA" merge "$MODEL" "$BATS_TEST_TMPDIR/model" --output "$BATS_TEST_TMPDIR/kept"
  [ "$(cat "$BATS_TEST_TMPDIR"/kept/* | sha256sum)" = "$before" ]
}
