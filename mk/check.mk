# SPDX-License-Identifier: BSD-2-Clause
# make check and the checks that need compiler flags: clang for the target, clang-tidy, cppcheck, format.

C_FILES := $(sort $(shell find base core allocators pagetable monitor platform include tests tools examples \
	   -path '*/corpus/*' -prune -o \( -name '*.c' -o -name '*.h' \) -print 2>/dev/null))

.PHONY: check soak format format-check tidy tidy-sources cppcheck clang-target memblock-env
check:
	@O='$(O)' LIBFDT_DIR='$(LIBFDT_DIR)' TARGET_NM='$(TARGET_NM)' ci/check

# The boot matrix, all of tests/matrix/matrix.toml; ROWS="words" selects. make check runs a part of it.
.PHONY: matrix
matrix: image-files
	@$(PYTHON) tests/matrix/matrix.py --build '$(O)' $(ROWS)

# Long runs, for an evening: every tests/*/soak*.sh and a long campaign of each fuzzer.
FUZZ_RUNS ?= 10000000
soak: fuzz-bins image-files host-lib
	@O='$(O)' FUZZ_RUNS='$(FUZZ_RUNS)' ci/soak $(FUZZ_BINS)

format:
	$(Q)clang-format -i $(C_FILES)

format-check:
	$(Q)clang-format --dry-run -Werror $(C_FILES)

# ---- clang as the target's second compiler: only its warnings are wanted --------------------------------------
HASH := \#
PICOLIBC_INC := $(if $(filter check clang-target tidy tidy-sources,$(MAKECMDGOALS)),$(dir $(shell \
		echo '$(HASH)include <stdlib.h>' | $(TARGET_CC) --specs=picolibc.specs -E - 2>/dev/null | \
		sed -n 's/^$(HASH) 1 "\(.*stdlib\.h\)".*/\1/p' | head -n 1)))
CLANG_TARGET  = --target=riscv64-unknown-elf -march=rv64imac $(TARGET_ABI) -nostdlibinc -isystem $(PICOLIBC_INC) \
		-DPICOLIBC_INTEGER_PRINTF_SCANF $(COMMON_CFLAGS) -ffreestanding -fno-pic -include $(GEN)/config.h
CLANG_TARGET_OBJS := $(patsubst $(O)/obj/%,$(O)/clang/%,$(filter-out %/libfdt_unit.o,$(TARGET_OBJS)))

$(O)/clang/%.o: %.c $(GEN)/config.h | $(LIBFDT_READY)
	$(call say,CLANG,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CLANG_TARGET) -I. -MMD -MP -c -o $@ $<
$(O)/clang/gen/%.o: $(GEN)/%.c $(GEN)/config.h
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CLANG_TARGET) -MMD -MP -c -o $@ $<
# Assembly belongs to gcc's assembler.
$(O)/clang/%.o: %.S
	@mkdir -p $(@D)
	@touch $@
clang-target: $(CLANG_TARGET_OBJS)
-include $(CLANG_TARGET_OBJS:.o=.d)

# ---- clang-tidy: everything hosted as the hosted build sees it, the rest as the target does --------------------
TIDY_HOST   := $(filter-out platform/host/%,$(wildcard $(HOST_OBJ_LIST:.o=.c))) $(wildcard platform/host/*.c) \
	       $(wildcard tests/unit/*.c tests/conformance/*.c tests/support/*.c)
TIDY_TARGET := $(filter-out $(TIDY_HOST),$(wildcard $(TARGET_OBJ_LIST:.o=.c)))
HEADERS     := $(filter %.h,$(C_FILES))

$(TIDY_HOST:%=$(O)/tidy/%.ok): $(O)/tidy/%.ok: % $(HEADERS) .clang-tidy tests/.clang-tidy $(HOST_GEN)/config.h | $(LIBFDT_READY)
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(filter-out -f%,$(COMMON_CFLAGS)) -DFPG_HOSTED=1 -I. -Iplatform/host -Itests/support \
		-include $(HOST_GEN)/config.h 2>$@.err || { grep -v 'warnings\? generated' $@.err; exit 1; }
	@touch $@
$(TIDY_TARGET:%=$(O)/tidy/%.ok): $(O)/tidy/%.ok: % $(HEADERS) .clang-tidy $(GEN)/config.h | $(LIBFDT_READY)
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(filter-out -ffile%,$(CLANG_TARGET)) -I. \
		2>$@.err || { grep -v 'warnings\? generated' $@.err; exit 1; }
	@touch $@
tidy: $(patsubst %,$(O)/tidy/%.ok,$(TIDY_HOST) $(TIDY_TARGET))
# What make check does; tests are a third of the work, and the business of soak.
tidy-sources: $(patsubst %,$(O)/tidy/%.ok,$(filter-out tests/%,$(TIDY_HOST)) $(TIDY_TARGET))

CPPCHECK_FLAGS := --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability,performance \
		  --suppressions-list=ci/cppcheck.txt --library=posix -j2
cppcheck: $(HOST_GEN)/config.h $(LIBFDT_READY)
	$(Q)mkdir -p $(O)/cppcheck && cppcheck $(CPPCHECK_FLAGS) --cppcheck-build-dir=$(O)/cppcheck -DFPG_HOSTED=1 \
		--include=$(HOST_GEN)/config.h -Iinclude -I$(LIBFDT_INC) -Iplatform/host -I. \
		$(filter %.c,$(HOST_OBJ_LIST:.o=.c) $(TIDY_TARGET))

# ---- for Linux's own memblock tests, run from outside: what they must compile -----------------------------------
-include $(wildcard core/memblock.mk)
MEMBLOCK_SOURCES ?= $(wildcard core/memblock*.c)
MEMBLOCK_FLAGS   ?= -std=gnu17 -DFPG_HOSTED=1
memblock-env:
	@echo 'MEMBLOCK_SRC="$(MEMBLOCK_SOURCES)"'
	@echo 'MEMBLOCK_INC="$(or $(MEMBLOCK_INCLUDES),include)"'
	@echo 'MEMBLOCK_HEADER=fpg/core/memblock.h'
	@echo 'MEMBLOCK_CFLAGS="$(MEMBLOCK_FLAGS)$(if $(filter 1,$(NUMA)), -DCONFIG_NUMA=1 -DCONFIG_NODES_SHIFT=4)"'
