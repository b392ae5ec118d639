# SPDX-License-Identifier: BSD-2-Clause
# make help.

define HELP_TEXT
Firstpage: what an operating system does between its first instruction and its first page.

  make run             build and start the image on a simulator, to its prompt
  make run RUN="ledger; zones"
                       run these commands, power off; the exit status is 0 if all succeeded
  make check           everything that must hold: tests, checks, every configuration
  make matrix          one image on every board, firmware, size and shape (ROWS="numa sv57": only those)

  make BOARD=visionfive2 image
                       an SD card for a VisionFive board (or visionfive; qemu_virt: a disk for U-Boot)
  make BOARD=visionfive2 flash-help
                       how to write it, and what to type at U-Boot's prompt

  make                 the image: build/firstpage.bin and build/firstpage.elf
  make menuconfig      choose what is in it; also <board>_defconfig, olddefconfig, savedefconfig
  make tools           host programs, build/host/fpg-map; make install puts them under PREFIX=/usr/local
  make unit            host tests with sanitizers (T=memblock: only those whose file name contains it)
  make test-image      build/firstpage-test.bin: the image with target tests built in (commands ktap, bench, frag)
  make bench           instructions counted on QEMU, to the digit (N=pagetable: only those rows)
  make frag            how whole memory stays, each backend and Linux's rule (MIB=1024 FPG_SEED=1)
  make fuzz            fuzzers, each for FUZZ_SECONDS=60, or FUZZ_RUNS=1000000 inputs
  make soak            long runs of everything random
  make format          clang-format in place
  make tidy cppcheck   static checks
  make setup doctor    install what is missing; say what was found
  make clean           remove build/; distclean also removes .config

Boards ($(filter-out tiny debug,$(sort $(patsubst configs/%_defconfig,%,$(wildcard configs/*_defconfig))))):
  the image is the same for all of them; BOARD= chooses the simulator and its defaults.

Variables
  BOARD=qemu_virt|spike|spike-isa|sifive_u   RAM=4G   HARTS=4   ARGS="boot arguments"   TIMEOUT=seconds
  QEMU_ARGS="more of QEMU's options"   OPENSBI=firmware file   O=folder (BUILD= means the same)   V=1
  FIRMWARE=uboot   DTB=file   INITRD=file   DISK=image   UBOOT=file, or folder for image
  LIBFDT_DIR=folder of libfdt's sources   CROSS_COMPILE=riscv64-unknown-elf-   CC=gcc|clang   SETUP=no
endef

.PHONY: help
help:
	@:$(info $(HELP_TEXT))
