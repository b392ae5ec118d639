# SPDX-License-Identifier: BSD-2-Clause
# The hosted library (all layers over platform/host, with sanitizers) and the unit tests that link it.

HOST_OBJS := $(addprefix $(HOST_OUT)/obj/,$(HOST_OBJ_LIST)) $(HOST_OUT)/obj/gen/palloc_table.o

HOST_FLAGS_TEXT := $(CC) $(HOST_CFLAGS)
$(HOST_GEN)/flags: FORCE
	$(call note,$(HOST_FLAGS_TEXT))

$(HOST_OUT)/obj/%.o: %.c $(HOST_GEN)/config.h $(HOST_GEN)/flags | $(LIBFDT_READY)
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

$(HOST_GEN)/palloc_table.c: $(HOST_GEN)/config.mk $(OBJECT_LISTS) tools/gen_registry.py
	$(Q)$(PYTHON) tools/gen_registry.py $@ $(HOST_BACKENDS)

$(HOST_OUT)/obj/gen/%.o: $(HOST_GEN)/%.c $(HOST_GEN)/config.h $(HOST_GEN)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

$(HOST_OUT)/libfpg_host.a: $(HOST_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(HOST_OBJS)

.PHONY: host-lib
host-lib: $(HOST_OUT)/libfpg_host.a $(HOST_OUT)/libfdt.a

# ---- unit and conformance tests: one binary a file ----------------------------------------------------------
# tests/support/*.c and the conformance suite are an archive that every test may draw on. T=name builds and runs only
# tests whose file name contains it. Tests of what HOST_CONFIG has not are left out, and named.

TEST_SRCS    := $(sort $(wildcard tests/unit/test_*.c))
TESTS_CMA    := $(addprefix tests/unit/test_,cma.c cma_boot.c cma_conformance.c cma_harts.c cma_random.c cma_switch.c monitor_cma.c)
TESTS_OUT    := $(if $(HOST_HAS_CMA),,$(filter $(TESTS_CMA),$(TEST_SRCS)))
TEST_SRCS    := $(filter-out $(TESTS_OUT),$(TEST_SRCS))
ifneq ($(T),)
TEST_SRCS    := $(foreach s,$(TEST_SRCS),$(if $(findstring $(T),$s),$s))
endif
SUPPORT_OBJS := $(patsubst %.c,$(HOST_OUT)/obj/%.o,$(sort $(filter-out tests/frag/main.c tests/frag/command.c,$(wildcard \
		tests/support/*.c tests/conformance/palloc/*.c tests/frag/*.c))))
TEST_BINS    := $(patsubst tests/%.c,$(HOST_OUT)/tests/%,$(TEST_SRCS))

$(HOST_OUT)/libsupport.a: $(SUPPORT_OBJS)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(TEST_BINS): $(HOST_OUT)/tests/%: $(HOST_OUT)/obj/tests/%.o $(HOST_OUT)/libsupport.a $(HOST_OUT)/libfpg_host.a \
		$(HOST_OUT)/libfdt.a
	$(call say,HOSTLD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_LDFLAGS) -o $@ $^ -lcmocka
# Tests may look inside: private headers by their path from the root.
$(HOST_OUT)/obj/tests/%.o: private HOST_CFLAGS += -I. -Itests/support

.PHONY: unit-bins unit
unit-bins: $(TEST_BINS)
unit: $(TEST_BINS)
	$(if $(TESTS_OUT),@printf '# skip %s: no CMA in $(HOST_CONFIG)\n' $(notdir $(TESTS_OUT:.c=)))
	$(Q)ci/run_unit $(TEST_BINS)

-include $(HOST_OBJS:.o=.d) $(SUPPORT_OBJS:.o=.d) $(TEST_SRCS:%.c=$(HOST_OUT)/obj/%.d)
.SECONDARY:
