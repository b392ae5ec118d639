#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The target tests: boots the test image (the image with tests/target/ linked in), once a row, and turns
# its KTAP lines into `ok - row: name`. A row fails too when its tests end early: the plan's count is checked.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
failed=0

# row NAME BOARD RAM HARTS BOOTARGS
row() {
	local name=$1 board=$2 ram=$3 harts=$4 args=$5 log status planned seen
	log=$O/target-$name.log
	FPG_BOARD=$board FPG_IMAGE=$O/firstpage-test.bin FPG_RAM=$ram FPG_HARTS=$harts FPG_ARGS=$args FPG_RUN=ktap TIMEOUT=${TIMEOUT:-120} \
		tools/run-board </dev/null >"$log" 2>&1
	status=$?
	planned=$(tr -d '\r' <"$log" | sed -n 's/^1\.\.\([0-9]*\)$/\1/p' | tail -n 1)
	seen=$(tr -d '\r' <"$log" | grep -cE '^(not )?ok [0-9]+ ')
	tr -d '\r' <"$log" | sed -nE "s/^(ok|not ok) [0-9]+ (.*)/\1 - $name: \2/p"
	tr -d '\r' <"$log" | grep -E '^# ' | grep -vE '^# [0-9]+ passed'
	if [ "$status" -ne 0 ] || [ -z "$planned" ] || [ "$seen" -ne "$planned" ]; then
		echo "not ok - $name: exit status $status, $seen of ${planned:-no} tests reported ($log)"
		tail -n 20 "$log"
		failed=1
	else
		echo "ok - $name: exit status 0, all $planned tests reported"
	fi
}

row buddy-1g qemu_virt 1G 1 "palloc=buddy"
row bootmem-1g qemu_virt 1G 1 "palloc=bootmem"
row buddy-64m qemu_virt 64M 2 "palloc=buddy"
row buddy-4g qemu_virt 4G 4 "palloc=buddy"
row qemu-spike spike 256M 1 ""
row sifive_u sifive_u 512M 2 ""
if command -v spike >/dev/null; then
	row spike-isa spike-isa 256M 2 ""
else
	echo "# skip spike-isa: no spike"
fi
exit $failed
