# SPDX-License-Identifier: BSD-2-Clause
# libfdt from the released dtc sources: fetched once into a cache, checked by its sum at each unpacking, never
# committed. LIBFDT_DIR= names a folder that holds libfdt's sources instead.

LIBFDT_UNITS := fdt fdt_ro fdt_wip fdt_sw fdt_rw fdt_strerror fdt_empty_tree fdt_addresses fdt_check fdt_overlay

ifeq ($(LIBFDT_DIR),)
LIBFDT_INC   := $(O)/libfdt
LIBFDT_READY := $(O)/libfdt/.unpacked
else
LIBFDT_INC   := $(LIBFDT_DIR)
LIBFDT_READY := $(LIBFDT_DIR)/libfdt.h
endif

$(O)/libfdt/.unpacked: tools/fetch_libfdt | setup-needed
	$(Q)tools/fetch_libfdt $(@D)

# Somebody else's code: our warnings are not its business, the sanitizers are.
LIBFDT_QUIET := -w
# Raised only where the whole blob was checked before (fdt_check_full): design.md, section 4.
LIBFDT_ASSUME_MASK ?= 0

# The target's libfdt is one unit, so that its helpers are inlined; it reads and edits, it does not write trees anew.
LIBFDT_TARGET_UNITS := fdt fdt_ro fdt_wip fdt_rw fdt_strerror fdt_addresses fdt_check
$(GEN)/libfdt_unit.c: mk/libfdt.mk
	@mkdir -p $(@D)
	$(Q)printf '#include "%s.c"\n' $(LIBFDT_TARGET_UNITS) >$@

$(O)/obj/libfdt_unit.o: $(GEN)/libfdt_unit.c $(LIBFDT_READY) $(GEN)/config.h $(GEN)/flags
	$(call say,CC,libfdt)
	@mkdir -p $(@D)
	$(Q)$(TARGET_CC) $(TARGET_CFLAGS) $(LIBFDT_QUIET) -DFDT_ASSUME_MASK=$(LIBFDT_ASSUME_MASK) -I$(LIBFDT_INC) -c -o $@ $<

LIBFDT_HOST_OBJS := $(LIBFDT_UNITS:%=$(HOST_OUT)/libfdt/%.o)
$(LIBFDT_HOST_OBJS): $(HOST_OUT)/libfdt/%.o: $(LIBFDT_READY) $(HOST_GEN)/config.h $(HOST_GEN)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(LIBFDT_QUIET) -c -o $@ $(LIBFDT_INC)/$*.c

$(HOST_OUT)/libfdt.a: $(LIBFDT_HOST_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
