# What a person types wrong, and what --help, --version and the shell's completion say.
load common

@test "every verb has help with a description of each option" {
  for verb in train eval run probe inspect tokenize recipes doctor bench completion; do
    run "$STRATA" "$verb" --help
    [ "$status" -eq 0 ]
    [[ "$output" == *"Usage: strata $verb"* ]]
  done
}

@test "help lists every verb" {
  run "$STRATA" --help
  [ "$status" -eq 0 ]
  for verb in train eval run probe inspect tokenize recipes doctor bench completion; do
    [[ "$output" == *"  $verb "* ]]
  done
}

@test "help appears at once" {
  # LibTorch takes a third of a second to load; without it ten calls take a tenth. The bound leaves room for a busy machine.
  start=$(date +%s%N)
  for _ in 1 2 3 4 5 6 7 8 9 10; do "$STRATA" --help >/dev/null; done
  [ $((($(date +%s%N) - start) / 10000000)) -lt 100 ]
}

@test "help loads no LibTorch" {
  ! LD_DEBUG=libs "$STRATA" --help 2>&1 | grep -q libtorch
}

@test "version" {
  run "$STRATA" --version
  [ "$status" -eq 0 ]
  [[ "$output" =~ ^strata\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "no verb, an unknown verb, an unknown option, a word too many" {
  run "$STRATA"
  [ "$status" -eq 2 ]
  refuses 2 "unknown verb 'evall' (did you mean 'eval'?)" "$STRATA" evall
  refuses 2 "unknown option --rout (did you mean '--route'?)" "$STRATA" eval model --rout 0-3
  refuses 2 "unexpected 'other'" "$STRATA" inspect model other
  refuses 2 "RECIPE is required" "$STRATA" train
  refuses 2 "MODEL is required" "$STRATA" probe
}

@test "numbers out of range" {
  refuses 2 "--batch" "$STRATA" eval model --batch 0
  refuses 2 "--threads" "$STRATA" eval model --threads many
  refuses 2 "--split" "$STRATA" eval model --split other
}

@test "wrong settings in the environment" {
  STRATA_ALLOCATOR=fast refuses 2 "STRATA_ALLOCATOR" "$STRATA" doctor
  STRATA_ISA=mmx refuses 2 "mmx" "$STRATA" doctor
  STRATA_NUM_THREADS=0 refuses 2 "STRATA_NUM_THREADS" "$STRATA" doctor
}

@test "a full disk behind standard output" {
  status=0
  "$STRATA" --help >/dev/full 2>"$BATS_TEST_TMPDIR/errors" || status=$?
  [ "$status" -eq 1 ]
  grep -q "could not be written" "$BATS_TEST_TMPDIR/errors"
}

@test "completion scripts are scripts" {
  "$STRATA" completion bash >"$BATS_TEST_TMPDIR/bash"
  bash -n "$BATS_TEST_TMPDIR/bash"
  for shell in zsh fish; do
    "$STRATA" completion $shell >"$BATS_TEST_TMPDIR/$shell"
    if command -v $shell >/dev/null; then $shell -n "$BATS_TEST_TMPDIR/$shell"; fi
  done
  refuses 2 "SHELL" "$STRATA" completion tcsh
}

# The words bash would offer when the line so far is the arguments.
completes() {
  # shellcheck disable=SC2034
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _strata 2>/dev/null
  printf '%s\n' "${COMPREPLY[@]}"
}

@test "bash completes verbs, options and choices" {
  source <("$STRATA" completion bash)
  [ "$(completes strata ev)" = eval ]
  [ "$(completes strata eval model --one)" = --one-by-one ]
  [ "$(completes strata eval model --split te)" = test ]
  [ "$(completes strata completion f)" = fish ]
}

@test "the manual page compiles" {
  command -v scdoc >/dev/null || skip "scdoc is not installed"
  "$STRATA" manual | scdoc | grep -q '^.TH "strata" "1"'
}
