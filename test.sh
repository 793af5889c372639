#!/usr/bin/env bash
# Sets up what the tests need and runs them all; --long adds the ones that take minutes each (every fault). Other arguments go to the test runner.
# The last line says "N passed, N failed"; the exit code is 0 only when tests ran and none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. build/setup.sh

profile=${CHAT_PROFILE:-Release}
limit=40m
filter=(--filter-not-trait Category=Long)
if [ "${1:-}" = --long ]; then
  shift
  limit=4h
  filter=()
fi

need_dotnet
packages=()
has_redis || packages+=(redis-server)
has_postgres || packages+=(postgresql)
command -v kcat >/dev/null || packages+=(kcat)
python3 -c 'import kafka' 2>/dev/null || packages+=(python3-kafka)
# The tests of the JavaScript client: Node 18 or newer, and npm for the two packages that they need.
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
command -v chromium >/dev/null || command -v google-chrome >/dev/null || packages+=(chromium)
install_packages "${packages[@]}"
build_once Chat.Tests "$profile"

results=$(mktemp -d)
output=$results/output
trap 'rm -rf "$results"' EXIT
code=0
# The runner names a test that hangs, and its own limit ends such a run; the outer one ends a hung runner.
timeout --kill-after=30s "$limit" dotnet "Chat.Tests/bin/$profile/net10.0/Chat.Tests.dll" \
  "${filter[@]}" --progress off --ansi off --long-running 200 --xunit-diagnostics on --timeout "${limit/40m/39m}" \
  --results-directory "$results" --report-xunit-ctrf --report-xunit-ctrf-filename report.json "$@" 2>&1 | tee "$output" || code=$?

count() { sed -nE "s/^ *$1: ([0-9]+).*/\1/p" "$output" | tail -n 1; }
passed=$(count succeeded)
failed=$(count failed)
skipped=$(count skipped)
# A skipped test has not held, and a run that ended without a summary has failed.
failed=$((${failed:-0} + ${skipped:-0}))
if [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
# What failed is told once more at the end, where a reader of a long log looks first.
if [ -f "$results/report.json" ]; then
  python3 - "$results/report.json" <<'REPORT'
import json, sys
for test in json.load(open(sys.argv[1], encoding="utf-8-sig"))["results"]["tests"]:
    if test["status"] not in ("passed", "skipped"):
        print("\nfailed:", test["name"], test.get("message", ""), test.get("trace", "")[:4000], sep="\n")
REPORT
fi
if [ "${passed:-0}" -eq 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
echo "${passed:-0} passed, $failed failed"
[ "$failed" -eq 0 ]
