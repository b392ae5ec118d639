# SPDX-License-Identifier: BSD-2-Clause
# Fuzzers: tests/fuzz/fuzz_<name>.c with libFuzzer over the hosted sources, started from tests/fuzz/corpus/<name>/.
# What a campaign finds beyond the corpus stays under build/; a crash is written there and its input named.

FUZZ_SRCS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BINS := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(FUZZ_SRCS))
FUZZ_SECONDS ?= 60
FUZZ_SAN  := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_CFLAGS = $(COMMON_CFLAGS) $(FUZZ_SAN) -DFPG_HOSTED=1 -DFPG_FUZZING=1 -I. -Iplatform/host -Itests/support \
	      -include $(HOST_GEN)/config.h
FUZZ_OBJS := $(addprefix $(O)/fuzz/obj/,$(HOST_OBJ_LIST)) $(O)/fuzz/obj/gen/palloc_table.o \
	     $(patsubst %.c,$(O)/fuzz/obj/%.o,$(wildcard tests/fuzz/support*.c tests/support/*.c \
	     tests/conformance/palloc/*.c))
FUZZ_FDT  := $(LIBFDT_UNITS:%=$(O)/fuzz/libfdt/%.o)

$(O)/fuzz/obj/%.o: %.c $(HOST_GEN)/config.h | $(LIBFDT_READY)
	$(call say,FUZZCC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<
# Comparisons are traced where input meets a word or a number it must equal; everywhere else tracing them teaches the
# fuzzer nothing and costs a third of its inputs.
UNTRACED := -fno-sanitize-coverage=trace-cmp
$(addprefix $(O)/fuzz/obj/,core/memblock%.o core/boot_memory%.o core/ledger%.o base/sort.o base/out.o): FUZZ_CFLAGS += $(UNTRACED)
$(addprefix $(O)/fuzz/obj/,tests/fuzz/fuzz_pagetable.o allocators/%.o tests/conformance/palloc/%.o): FUZZ_CFLAGS += $(UNTRACED)
$(FUZZ_FDT): FUZZ_CFLAGS += $(UNTRACED)
$(O)/fuzz/obj/gen/%.o: $(HOST_GEN)/%.c $(HOST_GEN)/config.h
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -c -o $@ $<
$(FUZZ_FDT): $(O)/fuzz/libfdt/%.o: $(LIBFDT_READY) $(HOST_GEN)/config.h
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) $(LIBFDT_QUIET) -c -o $@ $(LIBFDT_INC)/$*.c
$(O)/fuzz/libfpg_fuzz.a: $(FUZZ_OBJS) $(FUZZ_FDT)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
$(FUZZ_BINS): $(O)/fuzz/%: $(O)/fuzz/obj/tests/fuzz/%.o $(O)/fuzz/libfpg_fuzz.a
	$(call say,FUZZLD,$@)
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^

.PHONY: fuzz fuzz-bins
fuzz-bins: $(FUZZ_BINS)
fuzz: fuzz-bins
	@O='$(O)' FUZZ_SECONDS='$(FUZZ_SECONDS)' ci/run_fuzz $(FUZZ_BINS)

-include $(FUZZ_OBJS:.o=.d) $(FUZZ_SRCS:%.c=$(O)/fuzz/obj/%.d)
