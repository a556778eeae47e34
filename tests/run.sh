#!/usr/bin/env bash
# Runs every test of the repository and closes with "N passed, N failed, N skipped". Exit code 0 only if nothing failed.
# Arguments go to the test runner: tests/run.sh -class "Agentic.Tests.PhiloxTests". From any directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

# The store's tests play against a real Redis. Where it cannot be installed they skip and say so.
if ! command -v redis-server >/dev/null && command -v apt-get >/dev/null; then
  as_root=""; [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
  { $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends redis-server; } \
    >/dev/null 2>&1 || echo "redis-server could not be installed; tests against it will skip" >&2
fi

dotnet build Agentic.sln -c Release --nologo -v quiet

report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT
status=0
artifacts/bin/Agentic.Tests/release/Agentic.Tests -noColor -result-xml "$report/results.xml" "$@" || status=$?

# The runner's own report is what counts: a run that died before writing it is a failure, whatever it printed.
if [ ! -s "$report/results.xml" ]; then
  echo "the test run ended without a report (exit code $status)" >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi
total() { grep -o '<assembly [^>]*>' "$report/results.xml" | grep -o " $1=\"[0-9]*\"" | tr -dc '0-9\n' | awk '{ sum += $1 } END { print sum + 0 }'; }
passed=$(total passed) failed=$(($(total failed) + $(total errors))) skipped=$(total skipped)
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] && [ "$status" -eq 0 ]
