# SPDX-License-Identifier: BSD-2-Clause
# Which objects exist: every source folder lists its own in objects.mk, read once with the image's configuration and
# once with the hosted one.
#
#   obj-y                 both          target-obj-y  the image only      host-obj-y  the hosted library only
#   palloc-backends-y     names of `const struct palloc_ops`, in listed order (folders are read by name)
#   palloc-overlays-y     the same of overlays: they work on top of a backend and cannot be chosen as one

OBJECT_LISTS := $(wildcard $(foreach d,base core pagetable monitor,$d/objects.mk) \
		$(foreach d,boot riscv sbi console boards host,platform/$d/objects.mk)) \
		$(sort $(wildcard platform/boards/*/objects.mk allocators/*/objects.mk))

# $(eval $(call read-objects,prefix,dir of config.mk,kind))
define read-objects
$$(foreach v,$$(filter CONFIG_%,$$(.VARIABLES)),$$(eval undefine $$v))
$$(foreach v,$$(filter obj-% target-obj-% host-obj-% palloc-backends-% palloc-overlays-%,$$(.VARIABLES)),$$(eval undefine $$v))
-include $(2)/config.mk
include $(OBJECT_LISTS)
$(1)_OBJ_LIST := $$(sort $$(obj-y) $$($(3)-obj-y))
$(1)_BACKENDS := $$(palloc-backends-y) --overlays $$(palloc-overlays-y)
$(1)_HAS_CMA := $$(CONFIG_CMA)
endef

ifeq ($(NEED_CONFIG),1)
$(eval $(call read-objects,HOST,$(HOST_GEN),host))
$(eval $(call read-objects,TARGET,$(GEN),target))
endif

# Of platform/boot/ only what brings the hart to C needs the machine; the order of the boot is tested on a host too. What is
# known of boards is data, for a host as well.
MACHINE_ONLY := platform/boot/entry.o platform/boot/early_paging.o platform/boot/image.o platform/boot/segments.o \
		platform/riscv/% platform/sbi/% platform/console/% platform/boards/poweroff.o platform/boards/mmio.o
ifneq ($(filter $(MACHINE_ONLY),$(HOST_OBJ_LIST)),)
$(error objects.mk: use target-obj-y for $(filter $(MACHINE_ONLY),$(HOST_OBJ_LIST)))
endif
