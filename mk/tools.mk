# SPDX-License-Identifier: BSD-2-Clause
# Host programs: every folder tools/<name>/ with C files becomes build/host/<name>, linked with the hosted library.
# `make install` builds them once more without sanitizers and puts them under PREFIX.

TOOL_DIRS := $(patsubst tools/%/,%,$(sort $(dir $(wildcard tools/*/*.c))))
TOOL_BINS := $(TOOL_DIRS:%=$(HOST_OUT)/%)
TOOL_SRCS := $(wildcard $(TOOL_DIRS:%=tools/%/*.c))
PREFIX    ?= /usr/local

$(HOST_OUT)/obj/tools/%.o: private HOST_CFLAGS += -I.
define tool-rule
$(HOST_OUT)/$(1): $(patsubst %.c,$(HOST_OUT)/obj/%.o,$(sort $(wildcard tools/$(1)/*.c))) \
		$(HOST_OUT)/libfpg_host.a $(HOST_OUT)/libfdt.a
	$$(call say,HOSTLD,$$@)
	$$(Q)$$(CC) $$(HOST_LDFLAGS) -o $$@ $$^
endef
$(foreach t,$(TOOL_DIRS),$(eval $(call tool-rule,$(t))))

.PHONY: tools install
tools: $(TOOL_BINS)
install:
	$(Q)$(MAKE) --no-print-directory SANITIZE= HOST_OUT=$(O)/plain tools
	$(Q)for t in $(TOOL_DIRS); do install -D -m 755 $(O)/plain/$$t $(DESTDIR)$(PREFIX)/bin/$$t || exit; done

-include $(TOOL_SRCS:%.c=$(HOST_OUT)/obj/%.d)
