#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# soak_fail_boot.sh [sample N|K...]: fail_boot=K on QEMU virt, for every allocation of the boot (make soak), for N of them
# from the first to the last, or for those given.
#
# Whatever fails, the run ends within 60 s, and either at the prompt, with commands that work and a ledger that is exact
# and with the loss named in a warning or error besides fail_boot's own, unless nothing was lost (as many harts, stacks
# and pages as when nothing fails); or in a panic, with exit status 2, that says which step cannot go on. Two at a time.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
jobs_most=${ROW_JOBS:-2}
logs=$O/fail_boot
harts=4
commands='ledger; zones; harts; alloc 3 4; free all; pagetable; ledger'
mkdir -p "$logs" || exit 1

boot() { # K
	FPG_IMAGE=$O/firstpage.bin FPG_BOARD=qemu_virt FPG_RAM=128M FPG_HARTS=$harts FPG_ARGS="fail_boot=$1" FPG_RUN=$commands \
		TIMEOUT=60 tools/run-board 2>&1 </dev/null | tr -d '\r' >"$logs/$1.log"
	echo $? >"$logs/$1.status"
}

complaints() { grep -aE '^\[ *[0-9.]+\] [a-z_0-9]+: (warning|error): ' "$1" | grep -av '\] fail_boot: '; }

# What a boot has to offer: free memory to within 64 KiB, and harts.
offers() { # LOG
	sed -nE 's/.*Memory: ([0-9]+)K\/([0-9]+)K available.*/\1 \2/p' "$1" | awk '{print int($1 / 64), $2}'
	grep -acE '\bonline\b' "$1"
}

problem() { # K: prints what is wrong with how the boot took it
	local log=$logs/$1.log status
	status=$(cat "$logs/$1.status")
	grep -qaE "\] fail_boot: warning: allocation $1 \(.+\) fails$" "$log" || { echo "no allocation failed"; return; }
	case $status in
	0)
		[ "$(grep -acE '^ledger: ([0-9]+) of \1 bytes accounted for: exact$' "$log")" -eq 2 ] || echo "the ledger is not exact"
		complaints "$log" >/dev/null || [ "$(offers "$log")" = "$(offers "$logs/none.log")" ] || echo "something was lost in silence"
		;;
	2)
		grep -qaE '\] panic: |^panic: ' "$log" || echo "exit status 2 without a panic"
		grep -aE 'panic: ' "$log" | grep -qaE 'check failed|page fault|access fault|illegal|panic inside' && echo "it crashed"
		;;
	*) echo "exit status $status" ;;
	esac
}

report() { # K
	local what
	what=$(problem "$1")
	if [ -z "$what" ]; then
		echo "ok - fail_boot=$1: $(sed -nE 's/.*fail_boot: warning: allocation [0-9]+ \((.*)\) fails$/\1/p' "$logs/$1.log" | head -n 1), exit $(cat "$logs/$1.status")"
	else
		echo "not ok - fail_boot=$1: $(paste -sd, <<<"$what") ($logs/$1.log)"
		tail -n 12 "$logs/$1.log" | sed 's/^/    /'
		return 1
	fi
}

# How many there are: a boot that is asked for one far beyond says so.
boot 999999999
total=$(sed -nE 's/.*fail_boot=999999999: none failed, the boot made ([0-9]+) allocations$/\1/p' "$logs/999999999.log")
if [ -z "$total" ] || [ "$(cat "$logs/999999999.status")" != 0 ]; then
	echo "not ok - fail_boot: a boot in which nothing fails did not say how many allocations it makes ($logs/999999999.log)"
	exit 1
fi
mv "$logs/999999999.log" "$logs/none.log"

case ${1:-} in
"") mapfile -t sample < <(seq 1 "$total") ;;
sample) mapfile -t sample < <(awk -v n="$2" -v most="$total" 'BEGIN { for (i = 0; i < n; i++) print int(1 + i * (most - 1) / (n - 1)) }' | uniq) ;;
*) sample=("$@") ;;
esac

failed=0
for ((i = 0; i < ${#sample[@]}; i += jobs_most)); do
	for k in "${sample[@]:i:jobs_most}"; do
		boot "$k" &
	done
	wait
	for k in "${sample[@]:i:jobs_most}"; do
		report "$k" || failed=1
	done
done
echo "# fail_boot: ${#sample[@]} of the boot's $total allocations failed in turn"
exit "$failed"
