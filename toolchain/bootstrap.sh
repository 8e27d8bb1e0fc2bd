#!/usr/bin/env bash
# Makes the Python environment: everything else is Python and starts from here.
#
#   toolchain/bootstrap.sh runtime   what `fleet` and the Pulumi program import  (a minute)
#   toolchain/bootstrap.sh all       the same, the tests, the linters and torch  (some minutes, 6 GB)
#
# uv.lock pins every package by hash. It names no package index (its URLs are placeholders), so that the
# same lock serves any index or mirror that this machine is configured for (UV_DEFAULT_INDEX, uv.toml).
set -euo pipefail
readonly UV_VERSION=0.13.8
readonly set=${1:-runtime}
# Some service managers start programs without it.
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root cache=${MODELFLEET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/modelfleet}
cd "$root"

die() { printf 'bootstrap: %s\n' "$*" >&2; exit 1; }
say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

case $set in
  runtime) groups=(--no-default-groups) ;;
  all) groups=() ;;
  *) die "unknown set '$set': say 'runtime' or 'all'" ;;
esac

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    [[ -n $candidate ]] && command -v "$candidate" >/dev/null 2>&1 || continue
    "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || continue
    command -v "$candidate"
    return
  done
  die "no Python 3.11 to 3.13 on PATH: apt-get install python3 python3-venv, or set PYTHON=/path/to/python3"
}

# Each set leaves a stamp that holds the hash of what it was made from; 'all' satisfies 'runtime'.
python=$(find_python)
hash=$( { cat uv.lock pyproject.toml toolchain/bootstrap.sh; "$python" -VV; printf '%s' "$root"; } | sha256sum | cut -c1-16)
readonly python hash
for stamp in .venv/.modelfleet-all ".venv/.modelfleet-$set"; do
  [[ -f $stamp && $(<"$stamp") == "$hash" && -x .venv/bin/fleet ]] && exit 0
done

mkdir -p "$cache" 2>/dev/null || die "cannot write to $cache: set MODELFLEET_CACHE to a folder that you may write to"
exec 9>"$cache/bootstrap.lock"
flock -n 9 || { say "another set-up is running, waiting for it"; flock 9; }

free_mib=$(df -Pm . | awk 'NR==2 {print $4}')
need_mib=$([[ $set == all ]] && echo 8000 || echo 1500)
((free_mib >= need_mib)) || die "only $free_mib MiB free in $root, $need_mib needed: free some space and run this again"

uv=$cache/uv-$UV_VERSION/bin/uv
if [[ ! -x $uv ]]; then
  say "installing uv $UV_VERSION"
  staging=$(mktemp -d "$cache/uv-XXXXXX")
  trap 'rm -rf "$staging"' EXIT
  if ! "$python" -m venv "$staging" >"$staging.log" 2>&1; then
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || die "'$python -m venv' failed (see $staging.log): install python3-venv"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >"$staging.log" 2>&1 \
      || die "apt-get install python3-venv failed: see $staging.log"
    "$python" -m venv --clear "$staging" >>"$staging.log" 2>&1 || die "'$python -m venv' failed: see $staging.log"
  fi
  "$staging/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_VERSION" || die "pip could not install uv==$UV_VERSION: is a Python package index reachable?"
  mkdir -p "$cache/uv-$UV_VERSION.new/bin"
  cp "$staging/bin/uv" "$cache/uv-$UV_VERSION.new/bin/uv"
  rm -rf "$cache/uv-$UV_VERSION" "$staging.log"
  mv "$cache/uv-$UV_VERSION.new" "$cache/uv-$UV_VERSION"
fi

say "Python packages ($set)"
rm -f .venv/.modelfleet-*
"$uv" venv --quiet --allow-existing --python "$python" .venv
requirements=$(mktemp)
trap 'rm -f "$requirements"; rm -rf "${staging:-}"' EXIT
"$uv" export --frozen --quiet --no-emit-project --no-header "${groups[@]}" --output-file "$requirements" >/dev/null
"$uv" pip sync --quiet --require-hashes --python .venv/bin/python "$requirements" \
  || die "uv could not install the packages of uv.lock: run again; what was downloaded is kept"
"$uv" pip install --quiet --no-deps --python .venv/bin/python --editable . || die "uv could not install modelfleet itself"
printf '%s' "$hash" >".venv/.modelfleet-$set"
