# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What Firstpage needs, how to see whether it is there, and what it is called elsewhere. Sourced by setup and doctor.
#
# NEEDS: set|probe|Debian and Ubuntu (alternatives by /)|Fedora|Homebrew|what it is for
# Sets:  build (make), run (make run), image (make image), check (make check). Each includes those before it.
# Probes: a command's name; file:GLOB; python:MODULE of the system's python3; fn:NAME of a function below.
# shellcheck disable=SC2034  # used by those who source this
NEEDS='
build|make|make|make|make|the build
build|python3|python3|python3|python3|the build
build|xz|xz-utils|xz|xz|unpacking libfdt
build|fn:kconfiglib|python3-kconfiglib|python3-kconfiglib|kconfiglib (pip)|the menu
build|fn:archive_keyring|debian-archive-keyring|-|-|fetching libfdt
build|riscv64-unknown-elf-gcc|gcc-riscv64-unknown-elf|gcc-riscv64-unknown-elf (COPR)|riscv64-elf-gcc|the cross compiler
build|riscv64-unknown-elf-ld|binutils-riscv64-unknown-elf|binutils-riscv64-unknown-elf (COPR)|riscv64-elf-binutils|the cross linker
build|fn:picolibc|picolibc-riscv64-unknown-elf|picolibc for riscv64 (source)|picolibc for riscv64 (source)|the C library
run|qemu-system-riscv64|qemu-system-riscv/qemu-system-misc|qemu-system-riscv|qemu|the simulator
run|fn:opensbi|opensbi|opensbi (or QEMU'"'"'s own)|qemu (has its own)|the firmware
run|dtc|device-tree-compiler|dtc|dtc|device trees
image|sgdisk|gdisk|gdisk|gptfdisk|partition tables
image|mformat|mtools|mtools|mtools|FAT file systems
check|fsck.fat|dosfstools|dosfstools|dosfstools|file systems of images
check|gcc|gcc|gcc|gcc|host tests
check|file:/usr/include/stdlib.h|libc6-dev|glibc-devel|-|host tests
check|fn:cmocka|libcmocka-dev|libcmocka-devel|cmocka|unit tests
check|clang|clang|clang|llvm|the second compiler and fuzzers
check|fn:clang_fuzzer|libclang-rt-dev/libclang-rt-14-dev/libclang-common-14-dev|compiler-rt|llvm|sanitizers and fuzzers
check|clang-tidy|clang-tidy|clang-tools-extra|llvm|static checks
check|clang-format|clang-format|clang-tools-extra|clang-format|layout
check|cppcheck|cppcheck|cppcheck|cppcheck|static checks
check|git|git|git|git|the list of files
'

# sgdisk and fsck.fat are not on everybody's path.
PATH=$PATH:/usr/sbin:/sbin

kconfig_python=/usr/bin/python3
[ -x "$kconfig_python" ] || kconfig_python=python3

has_kconfiglib() { "$kconfig_python" -c 'import kconfiglib, menuconfig' 2>/dev/null; }
# The keyring serves apt alone; without apt the tarball comes from elsewhere.
has_archive_keyring() { ! command -v apt-get >/dev/null || [ -f /usr/share/keyrings/debian-archive-keyring.gpg ]; }
has_picolibc() {
	local specs
	specs=$(riscv64-unknown-elf-gcc -print-file-name=picolibc.specs 2>/dev/null) && [ -f "$specs" ]
}
has_opensbi() {
	compgen -G '/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin' >/dev/null ||
		compgen -G '/usr/share/opensbi/*' >/dev/null ||
		compgen -G '/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin' >/dev/null
}
has_cmocka() { echo '#include <cmocka.h>' | "${CC:-gcc}" -E -include stdarg.h -include stddef.h \
	-include stdint.h -include setjmp.h - >/dev/null 2>&1; }
has_clang_fuzzer() { compgen -G "$(clang -print-runtime-dir 2>/dev/null)/libclang_rt.fuzzer*.a" >/dev/null; }

# present PROBE
present() {
	case $1 in
	file:*) compgen -G "${1#file:}" >/dev/null ;;
	fn:*) "has_${1#fn:}" ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# in_set NEED'S_SET ASKED_SET
in_set() {
	case $2 in
	build) [ "$1" = build ] ;;
	run) [ "$1" = build ] || [ "$1" = run ] ;;
	image) [ "$1" != check ] ;;
	*) true ;;
	esac
}
