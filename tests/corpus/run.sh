#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The corpus on fpg-map, and the runner's own test: a broken expectation must be noticed.
set -u
cd "$(dirname "$0")/../.." || exit 1
out=${O:-build}
py=${PYTHON:-python3}
"$py" tests/corpus/run.py --command "$out/host/fpg-map {dtb} --load {load} --image-size {image_bytes} \
--dtb-addr {dtb_addr} {initrd} {bootargs} --json" | grep -E '^(ok|not ok)'
status=${PIPESTATUS[0]}
if "$py" tests/corpus/run.py --self-test >"$out/corpus-self-test.log" 2>&1; then
	echo "ok - corpus runner notices broken expectations"
else
	echo "not ok - corpus runner notices broken expectations"
	tail -n 5 "$out/corpus-self-test.log"
	status=1
fi
exit "$status"
