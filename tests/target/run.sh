#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# run.sh [NAME...]: the tests that need the machine, a boot a row, two rows at a time. ROW_JOBS= says how many.
#
# A ktap row boots the test image (the image with tests/target/ linked in) and turns its KTAP lines into `ok - row: name`,
# or `# skip row: name: why`; it fails too when its tests end early: the plan's count is checked. A says row boots the
# image and wants an exit status and lines on the console; a typed row types its commands. NAME selects rows whose name
# has it. Rows cover every paging mode under OpenSBI 1.1 (Debian 12's, or what run-board finds) and 1.6 (trixie's), every
# simulator, 1 to 8 harts, RAM from 64 MiB to 1 TiB.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
jobs_most=${ROW_JOBS:-2}
wanted=("$@")
rows=()
reported=0
failed=0

# ktap NAME BOARD RAM HARTS BOOTARGS [TEST]: TEST chooses tests
ktap() {
	local name=$1 log=$O/target-$1.log status planned seen
	boot "$O/firstpage-test.bin" "$2" "$3" "$4" "$5" "ktap${6:+ $6}" >"$log"
	status=$?
	planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | tail -n 1)
	seen=$(grep -acE '^(not )?ok [0-9]+ ' "$log")
	sed -nE "s/^ok [0-9]+ (.*) # SKIP (.*)/# skip $name: \1: \2/p; t; s/^(ok|not ok) [0-9]+ (.*)/\1 - $name: \2/p" "$log"
	grep -aE '^# ' "$log" | grep -avE '^# [0-9]+ passed'
	if [ "$status" -ne 0 ] || [ -z "$planned" ] || [ "$seen" -ne "$planned" ]; then
		echo "not ok - $name: exit status $status, $seen of ${planned:-no} tests reported ($log)"
		tail -n 20 "$log"
		return 1
	fi
	echo "ok - $name: exit status 0, all $planned tests reported"
}

# says NAME BOARD RAM HARTS BOOTARGS RUN STATUS REGEX...: each must match a line
says() {
	local name=$1 board=$2 ram=$3 harts=$4 args=$5 run=$6 wanted_status=$7 log=$O/target-$1.log status regex missing=()
	shift 7
	boot "$O/firstpage.bin" "$board" "$ram" "$harts" "$args" "$run" >"$log"
	status=$?
	for regex in "$@"; do
		grep -qaE -- "$regex" "$log" || missing+=("$regex")
	done
	if [ "$status" -ne "$wanted_status" ] || [ ${#missing[@]} -gt 0 ]; then
		echo "not ok - $name: exit status $status, wanted $wanted_status ($log)"
		[ ${#missing[@]} -eq 0 ] || printf '    no line matches: %s\n' "${missing[@]}"
		tail -n 20 "$log"
		return 1
	fi
	echo "ok - $name"
}

# ktap_small NAME …: as ktap; the simulator may have 8 GiB of this computer's memory, whatever RAM it shows.
ktap_small() {
	HOST_MIB=8192 ktap "$@" || {
		grep -a '^fpg-run: ' "$O/target-$1.log"
		return 1
	}
}

# typed NAME … as says, but RUN is typed at the prompt.
typed() {
	local keys=$O/target-$1.keys log=$O/target-$1.log status typist
	rm -f "$keys" "$log"
	mkfifo "$keys" || return 1
	type_at_prompt "$log" "$2" "$6" >"$keys" &
	typist=$!
	stdin=$keys says "$1" "$2" "$3" "$4" "$5" "" "${@:7}"
	status=$?
	kill "$typist" 2>/dev/null
	rm -f "$keys"
	return "$status"
}

# What comes before the console is set up may get lost. QEMU's HTIF holds one character, and drops it when the next
# comes first: there it is typed slowly, and again until it was understood.
type_at_prompt() { # LOG BOARD "COMMAND; COMMAND"
	local lines=${3//; /$'\n'}$'\n' i
	until grep -qa ' monitor: ready: ' "$1" 2>/dev/null; do
		sleep 0.2
	done
	if [ "$2" != spike ]; then
		printf '%s' "$lines"
		return
	fi
	for ((i = 0; ; i = (i + 1) % ${#lines})); do
		printf '%s' "${lines:i:1}" || return
		sleep 0.05
	done
}

boot() { # IMAGE BOARD RAM HARTS BOOTARGS RUN
	# OpenSBI 1.6 writes about illegal instructions, and ends no line.
	FPG_IMAGE=$1 FPG_BOARD=$2 FPG_RAM=$3 FPG_HARTS=$4 FPG_ARGS=$5 FPG_RUN=$6 FPG_OPENSBI=${firmware:-} \
		FPG_QEMU_ARGS=${more:-} TIMEOUT=${TIMEOUT:-240} tools/run-board 2>&1 <"${stdin:-/dev/null}" |
		sed -u 's/\r//g; s/^system_opcode_insn: Invalid opcode for CSR read\/write instruction//'
}

# says_sv39 NAME … as says: on Spike, whose harts have the modes that the device tree's mmu-type allows.
says_sv39() {
	local name=$1 dts=$O/target-$1.dts
	more=--dump-dts boot "$O/firstpage.bin" "$2" "$3" "$4" "$5" "$6" | sed -n '/^\/dts-v1\/;/,/^};/p' >"$dts"
	if ! sed -i 's/"riscv,sv57"/"riscv,sv39"/' "$dts" || ! grep -q '"riscv,sv39"' "$dts" ||
		! dtc -q -O dtb -o "$dts.dtb" "$dts"; then
		echo "not ok - $name: no device tree of Spike's to change ($dts)"
		return 1
	fi
	more="--dtb=$dts.dtb" says "$@"
}

# row KIND NAME BOARD RAM HARTS …: start it in the background when there is room; rows are reported in this order. One with
# more harts than two has the computer to itself: harts that wait for each other's locks get nowhere when theirs share a core.
# So has one that takes gigabytes of its memory.
row() {
	local name=$2 word chosen=$((${#wanted[@]} == 0)) room=$jobs_most
	for word in ${wanted[@]+"${wanted[@]}"}; do
		[[ $name != *"$word"* ]] || chosen=1
	done
	[ "$chosen" -eq 1 ] || return 0
	[ "$5" -le 2 ] && [ "$1" != ktap_small ] || room=1
	wait_for "$room"
	rows+=("$name")
	rm -f "$O/target-$name.status"
	{
		"$@" >"$O/target-$name.out"
		echo $? >"$O/target-$name.status"
	} &
	[ "$room" -eq "$jobs_most" ] || wait_for 1
}

wait_for() { # N: until fewer than N rows are running
	while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do
		wait -n 2>/dev/null
		report
	done
}

report() { # what is finished, in the order of the table
	while [ "$reported" -lt ${#rows[@]} ] && [ -s "$O/target-${rows[reported]}.status" ]; do
		cat "$O/target-${rows[reported]}.out"
		[ "$(cat "$O/target-${rows[reported]}.status")" = 0 ] || failed=1
		reported=$((reported + 1))
	done
}

exact='^ledger: ([0-9]+) of \1 bytes accounted for: exact$'

firmware=${FPG_OPENSBI:-}
row ktap sv39-1g qemu_virt 1G 1 "satp=sv39"
row ktap sv48-1g qemu_virt 1G 2 "satp=sv48"
row ktap sv57-1g qemu_virt 1G 4 "satp=sv57"
row ktap auto-1g-8-harts qemu_virt 1G 8 ""
row ktap bootmem-1g qemu_virt 1G 1 "palloc=bootmem"
row ktap buddy-64m qemu_virt 64M 2 "palloc=buddy"
row ktap buddy-4g qemu_virt 4G 4 "palloc=buddy"
row ktap debug_pagealloc qemu_virt 256M 2 "debug_pagealloc"
row ktap page_owner qemu_virt 128M 1 "page_owner palloc=bootmem"
row ktap cma-5-harts qemu_virt 128M 5 "cma=16M" cma_
row ktap cma-guaranteed qemu_virt 128M 4 "cma=16M cma_guaranteed" cma_
row ktap cma-page_owner qemu_virt 128M 2 "cma=8M page_owner" cma_
row ktap cma-debug_pagealloc qemu_virt 128M 2 "cma=8M debug_pagealloc" cma_
more="-cpu rv64,svpbmt=true,svnapot=true" row ktap svpbmt-svnapot qemu_virt 256M 2 "satp=sv48"
# A use after free is a panic that names who had the page; too much RAM is a refusal that says why.
row says use-after-free qemu_virt 256M 2 "debug_pagealloc" "crash freed" 2 \
	'panic: hart [0-9]+: load page fault at use_after_free\+0x' \
	'^debug_pagealloc: 0x[0-9a-f]+ lies in a free page, pfn 0x[0-9a-f]+: allocated by use_after_free\+0x.*, freed by use_after_free\+0x'
row says debug_pagealloc-8g qemu_virt 8G 1 "debug_pagealloc" "ledger" 0 'debug_pagealloc: on: ' "$exact"
row says debug_pagealloc-9g qemu_virt 9G 1 "debug_pagealloc" "ledger" 0 'debug_pagealloc: warning: refused: ' "$exact"
row ktap qemu-spike spike 256M 1 ""
row ktap sifive_u sifive_u 512M 2 ""
# The FU540's cores have Sv39 only; QEMU 7.2 gives them every mode, later ones do not. What is taken must be said.
row says sifive_u-asked-for-sv57 sifive_u 512M 2 "satp=sv57" "pagetable; ledger" 0 \
	'warning: satp=sv57: this hart refuses it; sv39 is used|boot: sv57 on: ' '^sv(39|57), root table at' "$exact"
# The machine's own UART as the console, written and read; and the firmware's.
console='version; pagetable; ledger; poweroff'
row typed console-ns16550a qemu_virt 256M 2 "" "$console" 0 \
	'boot: console: ns16550a at 0x10000000 \(/soc/serial@10000000\)' '^Firstpage .* console: ns16550a at' 'W\+X pages: 0' "$exact"
row typed console-sifive sifive_u 512M 2 "" "$console" 0 \
	'boot: console: sifive,uart0 at 0x10010000 \(' '^Firstpage .* console: sifive,uart0 at' 'W\+X pages: 0' "$exact"
row typed console-htif spike 256M 1 'run="version; ledger"' "poweroff" 0 \
	'boot: console: sbi (legacy|dbcn) \(/htif: no driver\)' '^Firstpage .* console: sbi' "$exact" '^fpg> poweroff$'
row typed console-sbi qemu_virt 256M 2 "console=sbi" "$console" 0 \
	'boot: console: sbi (legacy|dbcn) \(console=sbi\)' '^Firstpage .* console: sbi' "$exact"
# More than Sv39 can show: the next mode, and leaves of 1 GiB.
row says ram-1t qemu_virt 1T 1 "" "pagetable; ledger" 0 \
	'^sv48, root table at' 'linear map +1023 x 1G' 'W\+X pages: 0' "$exact"
row says ram-1t-sv39 qemu_virt 1T 1 "satp=sv39" "pagetable; ledger" 0 \
	'warning: 900 GiB of RAM .* beyond the linear window of sv39' '^sv39, root table at' \
	' 900 GiB  beyond the address window$' "$exact"
# All of it in the largest blocks, until none is left.
for backend in buddy bootmem; do
	row ktap_small "ram-1t-exhausted-$backend" qemu_virt 1T 1 "palloc=$backend" all_memory
done
if command -v spike >/dev/null; then
	row ktap spike-isa spike-isa 256M 2 ""
	row ktap spike-isa-sv57 spike-isa 64M 2 "satp=sv57"
	row typed console-spike-isa spike-isa 256M 2 "" "$console" 0 \
		'boot: console: ns16550a at 0x10000000 \(' '^Firstpage .* console: ns16550a at' 'W\+X pages: 0' "$exact"
	row says_sv39 spike-isa-refuses-sv57 spike-isa 64M 2 "satp=sv57" "pagetable; ledger" 0 \
		'warning: satp=sv57: this hart refuses it; sv39 is used' '^sv39, root table at' "$exact"
	# RAM where the JH7110 has it, under an OpenSBI that was made for there (docs/boards.md).
	if [ -n "${OPENSBI40:-}" ]; then
		firmware=$OPENSBI40
		row ktap spike-isa-0x40000000 spike-isa 0x40000000:128M 2 ""
		more="--pmpgranularity=4096 --pmpregions=8" \
			row ktap spike-isa-0x40000000-hole spike-isa 0x40000000:112M,0x50000000:32M 2 "satp=sv48"
		firmware=${FPG_OPENSBI:-}
	else
		echo "# skip spike-isa-0x40000000: no OPENSBI40=<firmware made with FW_TEXT_START=0x40000000>"
	fi
else
	echo "# skip spike-isa: no spike"
fi

# Trixie's firmware, where it can be had.
if reason=$(tools/fetch_opensbi "$O/opensbi" 2>&1); then
	firmware=$O/opensbi/fw_dynamic.bin
	row ktap sv39-1g-opensbi-1.6 qemu_virt 1G 8 "satp=sv39"
	row ktap sv48-1g-opensbi-1.6 qemu_virt 1G 4 "satp=sv48"
	row ktap sv57-1g-opensbi-1.6 qemu_virt 1G 2 "satp=sv57"
	row typed console-ns16550a-opensbi-1.6 qemu_virt 256M 2 "" "$console" 0 \
		'^Firstpage .* console: ns16550a at' "$exact"
	row typed console-sbi-opensbi-1.6 qemu_virt 256M 2 "console=sbi" "$console" 0 '^Firstpage .* console: sbi dbcn' "$exact"
	row typed console-sifive-opensbi-1.6 sifive_u 512M 2 "" "$console" 0 '^Firstpage .* console: sifive,uart0 at' "$exact"
	row ktap sifive_u-opensbi-1.6 sifive_u 512M 2 ""
else
	echo "# skip rows on OpenSBI 1.6: $(tail -n 1 <<<"$reason")"
fi

wait_for 1
report
# Every allocation of the boot made to fail is soak_fail_boot.sh's work; here a sample.
if [ ${#wanted[@]} -eq 0 ]; then
	tests/target/soak_fail_boot.sh sample 8 || failed=1
	# Ten minutes of this are make soak's.
	tests/target/soak_cma.sh 30 || failed=1
fi
exit "$failed"
