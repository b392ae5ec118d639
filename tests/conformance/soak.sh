#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# soak.sh: the long runs of the page-allocator conformance suite (make soak). FPG_OPERATIONS= random operations on each
# backend on the host with AddressSanitizer and UBSan, a tenth of them again with blocks of up to 1 GiB (order 18), and a
# tenth on the target. FPG_SEED= replays; each run says its seed, and a failure that of the round it happened in.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
operations=${FPG_OPERATIONS:-100000000}
logs=$O/conformance
failed=0
mkdir -p "$logs" || exit 1

say() { # NAME STATUS LOG
	grep -aE '^(seed:|# seed|# [a-z]+: )' "$3"
	if [ "$2" -eq 0 ]; then
		echo "ok - $1"
	else
		echo "not ok - $1 ($3)"
		tail -n 80 "$3" | sed 's/^/    /'
		failed=1
	fi
}

# HOST-FOLDER CONFIGURATION OPERATIONS NAME
host() {
	make --no-print-directory HOST_OUT="$1" HOST_CONFIG="$2" O="$O" unit-bins T=conformance >"$1.build.log" 2>&1 &&
		FPG_OPERATIONS=$3 "$1/tests/unit/test_conformance" >"$1.log" 2>&1
	say "$4" $? "$([ -s "$1.log" ] && echo "$1.log" || echo "$1.build.log")"
}

rm -f "$logs"/*.log
host "$logs/host" configs/debug_defconfig "$operations" "conformance on the host, $operations operations on each backend"
sed '$aCONFIG_PALLOC_MAX_ORDER=18' configs/debug_defconfig >"$logs/order18_defconfig"
host "$logs/order18" "$logs/order18_defconfig" $((operations / 10)) \
	"conformance with orders up to 18, $((operations / 10)) operations on each backend"

FPG_IMAGE=$O/firstpage-test.bin FPG_BOARD=qemu_virt FPG_RAM=256M FPG_HARTS=1 FPG_ARGS= \
	FPG_RUN="conformance $((operations / 10))${FPG_SEED:+ $FPG_SEED}; ledger" TIMEOUT=${TIMEOUT:-7200} \
	tools/run-board </dev/null 2>&1 | tr -d '\r' >"$logs/target.log"
say "conformance on the target, $((operations / 10)) operations on each backend" $? "$logs/target.log"
exit "$failed"
