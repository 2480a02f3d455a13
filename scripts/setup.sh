# Sourced by run and check: installs what is missing, configures, builds. Needs only bash and coreutils to begin with.
# shellcheck shell=bash

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
torch_version=2.13.0 # the one we pin; any from torch_minimum on is used when it is already there
torch_minimum=2.8

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# timed TEXT COMMAND...: says what it does, does it quietly, says how long it took; shows the output when it fails.
timed() {
  local text=$1 log start=$SECONDS
  shift
  log=$(mktemp)
  say "$text ..."
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    rm -f "$log"
    fail "$text: failed after $((SECONDS - start)) s; the end of its output is above"
  fi
  rm -f "$log"
  say "  done in $((SECONDS - start)) s"
}

# packages SECTION...: the names in these sections of scripts/packages.
packages() {
  awk -v wanted=" $* " '/^\[/ { take = index(wanted, " " substr($0, 2, length($0) - 2) " ") } !/^\[/ && !/^#/ && NF && take' \
    "$checkout/scripts/packages"
}

# need SECTION...: installs those packages of scripts/packages that are missing.
need() {
  local name missing=()
  command -v dpkg-query >/dev/null ||
    fail "setup: expected Debian 12 or a relative with apt; install what these Debian packages hold and run cmake --preset release: $(packages "$@" | tr '\n' ' ')"
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' 2>/dev/null | sed -n 's/^ii //p')
  for name in $(packages "$@"); do
    grep -qxF "$name" <<<"$installed" || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "missing packages: ${missing[*]}"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      root=(sudo)
    else
      fail "setup: run this as root, then start again: apt-get install --no-install-recommends ${missing[*]}"
    fi
  fi
  timed "reading the package lists" "${root[@]}" apt-get -q update
  timed "installing ${#missing[@]} packages" "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y install --no-install-recommends "${missing[@]}"
}

found_torch() { cmake -D MINIMUM=$torch_minimum -P "$checkout/cmake/TorchSearch.cmake"; }

# LibTorch: one that is already there (CMAKE_PREFIX_PATH, an active environment, .venv, python3), else the wheel in .venv.
need_torch() {
  local found
  found=$(found_torch)
  if [ -z "$found" ]; then
    need python
    [ -x "$checkout/.venv/bin/pip" ] || timed "making the virtual environment .venv" /usr/bin/python3 -m venv "$checkout/.venv"
    local pip=("$checkout/.venv/bin/pip" install --quiet --disable-pip-version-check)
    say "fetching LibTorch $torch_version, the build for processors, into .venv (about 200 MB) ..."
    local start=$SECONDS
    if ! "${pip[@]}" "torch==$torch_version+cpu" >/dev/null 2>&1; then
      say "  not offered here; fetching torch $torch_version as published instead: several GB, because it carries CUDA."
      say "  To use a PyTorch you already have, stop here and activate its environment or set CMAKE_PREFIX_PATH."
      "${pip[@]}" "torch==$torch_version" ||
        fail "setup: pip could not install torch $torch_version; install PyTorch $torch_minimum or newer yourself and set CMAKE_PREFIX_PATH to its folder"
    fi
    say "  done in $((SECONDS - start)) s"
    found=$(found_torch)
    [ -n "$found" ] || fail "setup: torch was installed into .venv, but no libtorch_cpu.so was found there; remove .venv and start again"
  fi
  say "LibTorch ${found%% *} in ${found#* }"
}

# need_modules PRESET MODULE...: Python packages that tests import, beside the torch of that build: put into our own
# environment, asked for in another's.
need_modules() {
  local python module missing=()
  python=$(sed -n 's/^STRATA_PYTHON_EXECUTABLE:INTERNAL=//p' "$checkout/build/$1/CMakeCache.txt")
  [ -n "$python" ] || return 0
  for module in "${@:2}"; do
    "$python" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$module') is None)" || missing+=("$module")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$python" = "$checkout/.venv/bin/python3" ] ||
    fail "setup: the tests of the Python package need ${missing[*]} in the environment of $python; install what is missing there"
  timed "installing ${missing[*]} into .venv" "$checkout/.venv/bin/pip" install --quiet --disable-pip-version-check "${missing[@]}"
}

# As many compilers at once as cores allow and as memory feeds (1.5 GB each).
jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1572864) }' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  say $((cores < memory ? cores : memory))
}

# configure PRESET [CMAKE ARGS...]: only when that has not been done; ninja notices changed CMake files itself.
configure() {
  local preset=$1 build=$checkout/build/$1
  shift
  if [ -e "$build/build.ninja" ] && torch_still_there "$build"; then return 0; fi
  case $preset in fuzz | coverage | base-only) ;; *) need_torch ;; esac
  (cd "$checkout" && timed "configuring $preset" cmake --preset "$preset" "$@")
}

torch_still_there() {
  local root
  root=$(sed -n 's/^STRATA_TORCH_FOUND:INTERNAL=//p' "$1/CMakeCache.txt")
  [ -z "$root" ] || [ -e "$root/lib/libtorch_cpu.so" ]
}

# build PRESET [TARGET...]: ninja's own progress on a terminal, its last lines elsewhere.
build() {
  local preset=$1 start=$SECONDS
  shift
  say "building $preset ..."
  if [ -t 1 ]; then
    ninja -C "$checkout/build/$preset" -j "$(jobs)" "$@" || fail "build: failed; the compiler's words are above"
  else
    local log
    log=$(mktemp)
    if ! ninja -C "$checkout/build/$preset" -j "$(jobs)" "$@" >"$log" 2>&1; then
      grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$log" | tail -n 80 >&2 || true
      rm -f "$log"
      fail "build: failed after $((SECONDS - start)) s; the compiler's words are above"
    fi
    rm -f "$log"
  fi
  say "  done in $((SECONDS - start)) s"
}
