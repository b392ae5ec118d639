# SPDX-License-Identifier: BSD-2-Clause
# make run: the image on a simulator. Values travel by the environment as they were typed, never through a shell's
# quoting: ARGS='run="a; b"' and RUN='log; zones' arrive whole.

RUN_BOARD := $(subst spike_isa,spike-isa,$(or $(BOARD),$(CONFIG_BOARD),qemu_virt))

.PHONY: run
run: image-files
run: export FPG_BOARD := $(RUN_BOARD)
run: export FPG_RAM := $(or $(RAM),$(RUN_RAM_$(RUN_BOARD)))
run: export FPG_HARTS := $(or $(HARTS),$(RUN_HARTS_$(RUN_BOARD)))
run: export FPG_INSTRUCTIONS := $(value INSTRUCTIONS)
run: export FPG_ARGS := $(value ARGS)
run: export FPG_RUN := $(value RUN)
run: export FPG_QEMU_ARGS := $(value QEMU_ARGS)
run: export FPG_OPENSBI := $(value OPENSBI)
run: export FPG_FIRMWARE := $(FIRMWARE)
run: export FPG_UBOOT := $(value UBOOT)
run: export FPG_DTB := $(value DTB)
run: export FPG_INITRD := $(value INITRD)
run: export FPG_DISK := $(value DISK)
run: export FPG_IMAGE := $(O)/firstpage.bin
run: export TIMEOUT := $(TIMEOUT)
run:
	@tools/run-board
