#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The loads of docs/fragmentation.md on the target, at 256 MiB: memory stays whole and types stay apart within bounds, and a
# second boot says the same digits. Bounds leave room for other layouts of memory, not for another rule of placing.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
failed=0

loads() { # LOG
	FPG_BOARD=qemu_virt FPG_IMAGE=$O/firstpage-test.bin FPG_RAM=256M FPG_HARTS=1 FPG_ARGS='' TIMEOUT=${TIMEOUT:-240} \
		FPG_RUN="json on; frag round 85 100; frag mixed 85 40; frag mixed 95 40" tools/run-board </dev/null >"$1.log" 2>&1
	local status=$?
	tr -d '\r' <"$1.log" | grep -a '^@json {"command":"frag"' >"$1.txt"
	return $status
}

# bound NAME LINE MEMBER LEAST MOST, in thousandths
bound() {
	local got
	got=$(sed -n "$2s/.*\"$3\":\([0-9]*\).*/\1/p" "$O/frag-first.txt")
	if [ -n "$got" ] && [ "$got" -ge "$4" ] && [ "$got" -le "$5" ]; then
		echo "ok - frag: $1 ($got of 1000)"
	else
		echo "not ok - frag: $1 (${got:-none} of 1000, wanted $4 to $5)"
		failed=1
	fi
}

if ! loads "$O/frag-first"; then
	echo "not ok - frag: the loads run"
	tail -n 20 "$O/frag-first.log"
	exit 1
fi
bound "free memory is whole again" 1 whole_permille 800 1000
bound "types stay apart, 85 % full" 2 mixed_permille 0 220
bound "types stay apart, 95 % full" 3 mixed_permille 0 500
loads "$O/frag-second"
if [ "$(wc -l <"$O/frag-first.txt")" -eq 3 ] && diff "$O/frag-first.txt" "$O/frag-second.txt"; then
	echo "ok - frag: a second boot says the same digits"
else
	echo "not ok - frag: a second boot says the same digits"
	failed=1
fi
exit $failed
