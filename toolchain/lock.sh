#!/usr/bin/env bash
# Resolves pyproject.toml into uv.lock, then replaces the index's addresses by placeholders: the lock pins
# versions and hashes, and where they are downloaded from is the machine's own business.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${MODELFLEET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/modelfleet}
uv=$(command -v "$cache"/uv-*/bin/uv | tail -n 1)
cd "$root"
"$uv" lock --quiet "$@"
sed -Ei -e 's#(registry = ")https?://[^"]+#\1https://index.invalid/simple#' -e 's#(url = ")https?://[^/"]+/#\1https://files.invalid/#' uv.lock
