#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# run_disks.sh: the disks and SD cards of make image: image_rows.py reads them back, uboot_rows.py boots them on QEMU through U-Boot.
set -u
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
python=${PYTHON:-python3}
image=$O/firstpage.bin
status=0
export PATH=$PATH:/usr/sbin:/sbin

firmware=
if reason=$(tools/fetch_uboot starfive "$O/u-boot-starfive" 2>&1); then
	firmware=$O/u-boot-starfive
else
	echo "# skip rows with Debian's firmware for the VisionFive 2: $(tail -n 1 <<<"$reason")"
fi
"$python" -B tests/image/image_rows.py --image "$image" --uboot "$firmware" || status=1

# The distribution's U-Boot, if it is installed, and Debian trixie's.
uboots=()
system=/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin
[ ! -f "$system" ] || uboots+=("$system")
if reason=$(tools/fetch_uboot qemu "$O/u-boot-qemu" 2>&1); then
	cmp -s "$system" "$O/u-boot-qemu/u-boot.bin" || uboots+=("$O/u-boot-qemu/u-boot.bin")
else
	echo "# skip rows on U-Boot 2025.01: $(tail -n 1 <<<"$reason")"
fi
if [ ${#uboots[@]} -gt 0 ]; then
	"$python" -B tests/image/uboot_rows.py --image "$image" --firmware "$firmware" "${uboots[@]}" || status=1
else
	echo "# skip booting by U-Boot: there is none for QEMU"
fi
exit $status
