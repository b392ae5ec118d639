# SPDX-License-Identifier: BSD-2-Clause
# Firstpage: one entry point. `make help` lists the targets; mk/ holds the rules by purpose.

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
SHELL := /bin/bash
export LC_ALL := C

# Where everything built goes. BUILD= is another name for it.
O        ?= $(or $(BUILD),build)
GEN      := $(O)/gen
# The board whose defaults count: BOARD=, else what .config says, else QEMU's virt.
MENU_BOARD := $(subst -,_,$(or $(BOARD),qemu_virt))
ifeq ($(wildcard configs/$(MENU_BOARD)_defconfig),)
$(error BOARD=$(BOARD) is unknown; there are $(patsubst configs/%_defconfig,%,$(wildcard configs/*_defconfig)))
endif

include mk/output.mk
HOST_OUT  = $(O)/host$(if $(findstring clang,$(CC)),-clang)
HOST_GEN  = $(HOST_OUT)/gen

# Targets that need neither a configuration nor a compiler.
LIGHT_GOALS := help clean distclean setup doctor format memblock-env
NEED_CONFIG := $(if $(filter-out $(LIGHT_GOALS) menuconfig %config,$(or $(MAKECMDGOALS),all)),1)

include mk/toolchain.mk mk/libfdt.mk mk/config.mk mk/objects.mk mk/target.mk mk/host.mk
include mk/setup.mk mk/run.mk mk/image.mk mk/tools.mk mk/check.mk mk/fuzz.mk mk/bench.mk mk/frag.mk mk/help.mk

.PHONY: all clean distclean FORCE setup-needed
all: image-files

clean:
	$(Q)rm -rf $(O)

distclean: clean
	$(Q)rm -f .config .config.old defconfig
