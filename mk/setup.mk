# SPDX-License-Identifier: BSD-2-Clause
# What must be installed for the asked targets; SETUP=no skips the look.

CHECK_GOALS := check tidy-sources unit unit-bins host-lib fuzz fuzz-bins soak format format-check tidy cppcheck clang-target tools install
SETUP_SET   := $(if $(filter $(CHECK_GOALS),$(MAKECMDGOALS)),check,$(if \
		   $(or $(filter image matrix,$(MAKECMDGOALS)),$(filter uboot,$(FIRMWARE))),image,$(if \
		   $(filter run,$(MAKECMDGOALS)),run,build)))

setup-needed:
ifneq ($(SETUP),no)
	@tools/setup $(SETUP_SET)
endif

.PHONY: setup doctor
setup:
	@tools/setup all
	@$(if $(LIBFDT_DIR),:,tools/fetch_libfdt $(O)/libfdt)
	@tools/fetch_opensbi $(O)/opensbi || echo "setup: tests on OpenSBI 1.6 will be skipped" >&2
	@tools/fetch_uboot starfive $(O)/u-boot-starfive || echo "setup: VisionFive 2 cards will have no U-Boot" >&2
	@tools/fetch_uboot qemu $(O)/u-boot-qemu || echo "setup: tests on U-Boot 2025.01 will be skipped" >&2

doctor:
	@LIBFDT_DIR='$(LIBFDT_DIR)' CROSS_COMPILE='$(CROSS_COMPILE)' O='$(O)' tools/doctor
