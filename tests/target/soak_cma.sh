#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# soak_cma.sh [SECONDS]: so long (600; make soak), programs on four harts write pages and check their sums while a fifth hart
# moves the pages by cma_alloc(). No write lost, as the programs and the kernel see it, and the ledger exact at the end.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
seconds=${1:-600}
log=$O/soak-cma-$seconds.log
FPG_IMAGE=$O/firstpage-test.bin FPG_BOARD=qemu_virt FPG_RAM=128M FPG_HARTS=5 FPG_ARGS="cma=16M" \
	FPG_RUN="cma_moves $seconds; ledger" TIMEOUT=${TIMEOUT:-$((seconds + 300))} tools/run-board 2>&1 </dev/null |
	tr -d '\r' >"$log"
status=$?
grep -aE '^# ' "$log"
if [ "$status" -ne 0 ] || ! grep -qaE '^ok cma_moves$' "$log" ||
	! grep -qaE '^ledger: ([0-9]+) of \1 bytes accounted for: exact$' "$log"; then
	echo "not ok - $seconds s of cma_alloc under programs: exit status $status ($log)"
	tail -n 20 "$log"
	exit 1
fi
echo "ok - $seconds s of cma_alloc under programs on 4 harts"
