# SPDX-License-Identifier: BSD-2-Clause
# From the menu to files: config.h for C, config.mk for make, and the targets that edit the configuration.
#
# The image follows .config, or the board's defconfig while there is no .config. The hosted library and its tests
# always follow configs/debug_defconfig, so that every option is compiled and tested whatever the menu says.

KCONFIG_CONFIG ?= .config
KCONFIG_FILES  := Kconfig $(shell find allocators base core monitor pagetable platform -name Kconfig | LC_ALL=C sort)
MENU_FILE      := $(firstword $(wildcard $(KCONFIG_CONFIG)) configs/$(MENU_BOARD)_defconfig)
KCONF           = KCONFIG_CONFIG=$(KCONFIG_CONFIG) $(KPYTHON) tools/kconf.py

# Changes when another file becomes the configuration (a .config appears or goes away, another BOARD).
$(GEN)/config.from: FORCE | setup-needed
	$(call note,$(MENU_FILE))

$(GEN)/config.mk: $(MENU_FILE) $(KCONFIG_FILES) tools/kconf.py $(GEN)/config.from | setup-needed
	$(call say,CONFIG,$(MENU_FILE))
	$(Q)$(KCONF) generate $(MENU_FILE) $(@D)

# HOST_CONFIG= with a HOST_OUT= of its own builds them otherwise.
HOST_CONFIG ?= configs/debug_defconfig
$(HOST_GEN)/config.mk: $(HOST_CONFIG) $(KCONFIG_FILES) tools/kconf.py | setup-needed
	$(Q)$(KCONF) generate $(HOST_CONFIG) $(@D)

$(GEN)/config.h: $(GEN)/config.mk ;
$(HOST_GEN)/config.h: $(HOST_GEN)/config.mk ;

DEFCONFIGS := $(notdir $(wildcard configs/*_defconfig))
.PHONY: menuconfig olddefconfig savedefconfig $(DEFCONFIGS)

$(DEFCONFIGS): %_defconfig: | setup-needed
	$(Q)$(KCONF) defconfig configs/$@

menuconfig: | setup-needed
	$(Q)[ -f $(KCONFIG_CONFIG) ] || $(KCONF) defconfig configs/$(MENU_BOARD)_defconfig
	$(Q)KCONFIG_CONFIG=$(KCONFIG_CONFIG) $(KPYTHON) -m menuconfig Kconfig

olddefconfig: | setup-needed
	$(Q)$(KCONF) olddefconfig $(MENU_FILE)

savedefconfig: | setup-needed
	$(Q)$(KCONF) savedefconfig $(MENU_FILE) defconfig
