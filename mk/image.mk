# SPDX-License-Identifier: BSD-2-Clause
# make image: an SD card for a VisionFive board, or a disk for QEMU's virt, that U-Boot boots the image from.
# make flash-help: what to type at U-Boot's prompt, and how to write the card. Values travel as those of make run do.

IMAGE_FILE := $(O)/$(RUN_BOARD).img

.PHONY: image flash-help
image flash-help: export FPG_BOARD := $(RUN_BOARD)
image flash-help: export FPG_IMAGE := $(O)/firstpage.bin
image flash-help: image-files
image: export FPG_ARGS := $(or $(value ARGS),$(IMAGE_ARGS_$(RUN_BOARD)))
image: export FPG_RUN := $(value RUN)
image: export FPG_DTB := $(value DTB)
image: export FPG_INITRD := $(value INITRD)
image: export FPG_UBOOT := $(value UBOOT)
image:
	$(call say,IMAGE,$(IMAGE_FILE))
	@tools/make_image $(IMAGE_FILE)

flash-help: export FPG_CARD := $(IMAGE_FILE)
flash-help:
	@tools/flash_help
