# SPDX-License-Identifier: BSD-2-Clause
# The image: objects, the registry of page allocators, and the link in two steps that adds the symbol table.

TARGET_OBJS := $(addprefix $(O)/obj/,$(TARGET_OBJ_LIST)) $(O)/obj/gen/palloc_table.o $(O)/obj/libfdt_unit.o
TARGET_DEPS := $(TARGET_OBJS:.o=.d)

# Objects are made again when the compiler or a flag changes.
TARGET_FLAGS_TEXT := $(TARGET_CC) $(TARGET_CFLAGS)
$(GEN)/flags: FORCE
	$(call note,$(TARGET_FLAGS_TEXT))

# The machine's parts include each other's private headers by their path from the root.
$(O)/obj/platform/%.o: private TARGET_CFLAGS += -I.

$(O)/obj/%.o: %.c $(GEN)/config.h $(GEN)/flags | $(LIBFDT_READY)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(TARGET_CC) $(TARGET_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/obj/%.o: %.S $(GEN)/config.h $(GEN)/flags
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(TARGET_CC) $(TARGET_CFLAGS) -Wa,--debug-prefix-map=$(CURDIR)=. -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

# Leaf functions in which every instruction is counted; why nothing is lost is said in the file.
$(O)/obj/core/page_alloc.o $(O)/obj/allocators/buddy/buddy_alloc.o $(O)/obj/allocators/buddy/buddy_free.o: \
	private TARGET_CFLAGS += -fomit-frame-pointer

$(GEN)/palloc_table.c: $(GEN)/config.mk $(OBJECT_LISTS) tools/gen_registry.py
	$(call say,GEN,$@)
	$(Q)$(PYTHON) tools/gen_registry.py $@ $(TARGET_BACKENDS)

$(O)/obj/gen/%.o: $(GEN)/%.c $(GEN)/config.h $(GEN)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(TARGET_CC) $(TARGET_CFLAGS) -MMD -MP -c -o $@ $<

LINK_NEEDS := platform/boot/firstpage.lds tools/link_image tools/gen_symbols.py mk/toolchain.mk mk/target.mk \
	      $(GEN)/config.h
# $(call link-image,OUT,OBJECTS)
define link-image
	$(call say,LD,$(1))
	$(Q)TARGET_CC='$(TARGET_CC)' TARGET_NM='$(TARGET_NM)' PYTHON='$(PYTHON)' LDFLAGS='$(TARGET_LDFLAGS)' \
		CFLAGS='-march=$(TARGET_MARCH) $(TARGET_ABI)' NAMES='$(or $(CONFIG_BACKTRACE),n)' \
		WORK='$(O)/obj/link-$(notdir $(1))' tools/link_image $(1) $(2)
endef

$(O)/firstpage.elf: $(TARGET_OBJS) $(LINK_NEEDS)
	$(call link-image,$@,$(TARGET_OBJS))

# The same image with what runs on the target built in: the `ktap`, `bench` and `frag` commands. Tests of what the
# configuration has not are left out.
TARGET_TESTS_CMA := tests/target/cma_taker.c tests/target/test_cma.c tests/target/test_cma_sums.c tests/bench/bench_cma.c
TARGET_TEST_OBJS := $(patsubst %.c,$(O)/obj/%.o,$(filter-out $(if $(TARGET_HAS_CMA),,$(TARGET_TESTS_CMA)),$(sort \
			$(wildcard tests/target/*.c tests/bench/*.c tests/conformance/palloc/*.c) \
			tests/frag/command.c tests/frag/front.c tests/frag/load.c)))
$(O)/obj/tests/%.o: private TARGET_CFLAGS += -I. -Itests/support
$(O)/firstpage-test.elf: $(TARGET_OBJS) $(TARGET_TEST_OBJS) $(LINK_NEEDS)
	$(call link-image,$@,$(TARGET_OBJS) $(TARGET_TEST_OBJS))

$(O)/%.bin: $(O)/%.elf
	$(call say,OBJCOPY,$@)
	$(Q)$(OBJCOPY) -O binary $< $@

.PHONY: image-files test-image
image-files: $(O)/firstpage.elf $(O)/firstpage.bin
test-image: $(O)/firstpage-test.elf $(O)/firstpage-test.bin

-include $(TARGET_DEPS) $(TARGET_TEST_OBJS:.o=.d)
