# SPDX-License-Identifier: BSD-2-Clause
# The compilers and their flags: one set for the target image, one for the hosted library.

CROSS_COMPILE ?= riscv64-unknown-elf-
TARGET_CC     := $(CROSS_COMPILE)gcc
TARGET_NM     := $(CROSS_COMPILE)nm
OBJCOPY       := $(CROSS_COMPILE)objcopy

# make's built-in default is "cc"; only a CC that somebody chose counts.
ifeq ($(origin CC),default)
CC := gcc
endif
AR     ?= ar
CLANG  ?= clang
PYTHON ?= python3
# Debian installs kconfiglib for the system's own interpreter only.
KPYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)

WARNINGS := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wshadow
# Sources are named relative to the project's root, so that no build folder gets into the objects.
PREFIX_MAP = -ffile-prefix-map=$(abspath $(O))=build -ffile-prefix-map=$(O)=build -ffile-prefix-map=$(CURDIR)=. \
	     $(if $(LIBFDT_DIR),-ffile-prefix-map=$(LIBFDT_DIR)=build/libfdt)

COMMON_CFLAGS = -std=gnu17 -O2 -g $(WARNINGS) -fno-strict-aliasing -fno-common -fno-omit-frame-pointer \
		$(PREFIX_MAP) -Iinclude -isystem $(LIBFDT_INC)

# gcc 12 compiles for rv64imac_zicsr_zifencei, but its multilib table knows rv64imac only.
TARGET_MARCH  := rv64imac_zicsr_zifencei
TARGET_ABI    := -mabi=lp64 -mcmodel=medany
PICOLIBC      := --specs=picolibc.specs -DPICOLIBC_INTEGER_PRINTF_SCANF
TARGET_CFLAGS  = -march=$(TARGET_MARCH) $(TARGET_ABI) $(PICOLIBC) $(COMMON_CFLAGS) -ffreestanding \
		 -fno-stack-protector -fno-pic -ffunction-sections -fdata-sections -Wframe-larger-than=1024 \
		 -include $(GEN)/config.h
TARGET_LDFLAGS = -march=rv64imac $(TARGET_ABI) $(PICOLIBC) -nostartfiles -static -T platform/boot/firstpage.lds \
		 -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
		 -Wl,--fatal-warnings

SANITIZE    ?= -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_CFLAGS  = $(COMMON_CFLAGS) $(SANITIZE) -DFPG_HOSTED=1 -Iplatform/host -include $(HOST_GEN)/config.h
HOST_LDFLAGS = $(SANITIZE)
