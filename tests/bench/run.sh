#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The benchmarks as a check: every row can be measured, meets its goal, and says the same digits a second time.
set -u
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
failed=0

if LOG=$O/bench-first.log tests/bench/count >"$O/bench-first.txt"; then
	echo "ok - bench meets its goals"
else
	echo "not ok - bench meets its goals"
	failed=1
fi
cat "$O/bench-first.txt"
LOG=$O/bench-second.log GOALS=no tests/bench/count >"$O/bench-second.txt"
if [ -s "$O/bench-first.txt" ] && diff "$O/bench-first.txt" "$O/bench-second.txt"; then
	echo "ok - bench repeats"
else
	echo "not ok - bench repeats"
	failed=1
fi
exit $failed
