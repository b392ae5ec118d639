#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# soak_switch.sh [N]: N live switches (1000) from backend to backend at RAM=256M, one hart switching and four more
# loading (make soak). No page lost or handed out twice, and the ledger exact at the end.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
switches=${1:-1000}
log=$O/soak-switch.log
FPG_IMAGE=$O/firstpage-test.bin FPG_BOARD=qemu_virt FPG_RAM=256M FPG_HARTS=5 FPG_ARGS="" \
	FPG_RUN="switches $switches; ledger" TIMEOUT=${TIMEOUT:-3600} tools/run-board 2>&1 </dev/null | tr -d '\r' >"$log"
status=$?
grep -aE '^# ' "$log"
if [ "$status" -ne 0 ] || ! grep -qaE '^ok switches$' "$log" ||
	! grep -qaE '^ledger: ([0-9]+) of \1 bytes accounted for: exact$' "$log"; then
	echo "not ok - $switches switches: exit status $status ($log)"
	tail -n 20 "$log"
	exit 1
fi
echo "ok - $switches switches under a load of 4 harts"
