# Loaded by every .bats file here. STRATA names the command under test; CTest sets it.
# shellcheck shell=bash disable=SC2154,SC2034  # bats sets status, output and lines; the .bats files read CHECKOUT

STRATA=${STRATA:-build/release/strata}
CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# refuses CODE TEXT COMMAND...: the command ends with that exit code and one sentence on standard error that holds TEXT.
refuses() {
  local code=$1 text=$2 errors
  shift 2
  errors=$BATS_TEST_TMPDIR/errors
  status=0
  "$@" >/dev/null 2>"$errors" || status=$?
  cat "$errors"
  [ "$status" -eq "$code" ]
  [ "$(wc -l <"$errors")" -eq 1 ]
  grep -qF -- "$text" "$errors"
}
