#!/usr/bin/env bash
# From `git clone` to the first token with nothing but the SDK: prints seconds and megabytes. Needs git, curl and the .NET SDK.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
server=""
finish() {
  if [ -n "$server" ]; then kill -- "-$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT
export NUGET_PACKAGES="$work/packages" NUGET_HTTP_CACHE_PATH="$work/http" XDG_DATA_HOME="$work/data"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
port=${1:-8017}

begin=$(date +%s.%N)
since() { awk -v a="$begin" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f s", b - a }'; }
megabytes() { du -sm "$@" 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 " MB" }'; }

git clone --quiet --depth 1 "file://$source" "$work/clone"
cd "$work/clone"
echo "clone:        $(since), $(megabytes .)"
set -m
dotnet run -c Release --project Proxy -- --port "$port" >"$work/log" 2>&1 &
server=$!
set +m
until curl -sf -o /dev/null "http://127.0.0.1:$port/ready"; do
  kill -0 "$server" 2>/dev/null || { cat "$work/log"; exit 1; }
  sleep 0.2
done
echo "listening:    $(since)"
body='{"model":"agentic-tiny","stream":true,"max_tokens":8,"messages":[{"role":"user","content":"Repeat: one two three."}]}'
# grep leaves at the first token, and curl then cannot write: that is no failure.
{ curl -sfN "http://127.0.0.1:$port/v1/chat/completions" -H 'content-type: application/json' -d "$body" || true; } | grep -qm1 -E '"(content|name)":"[^"]'
echo "first token:  $(since)"
echo "downloaded:   $(find "$work/packages" -name '*.nupkg' -printf '%s\n' | awk '{ sum += $1 } END { printf "%.0f MB", sum / 1e6 }') of packages, $(megabytes "$work/packages") unpacked; built $(megabytes artifacts)"
