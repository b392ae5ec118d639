# SPDX-License-Identifier: BSD-2-Clause
# make frag: how whole memory stays under loads that break it, for each backend and for Linux's rule (tests/frag/).
# MIB= says how much memory is simulated (only its records exist), FPG_SEED= which load.

$(HOST_OUT)/fpg-frag: $(HOST_OUT)/obj/tests/frag/main.o $(HOST_OUT)/libsupport.a $(HOST_OUT)/libfpg_host.a $(HOST_OUT)/libfdt.a
	$(call say,HOSTLD,$@)
	$(Q)$(CC) $(HOST_LDFLAGS) -o $@ $^

.PHONY: frag frag-bin
frag-bin: $(HOST_OUT)/fpg-frag
# Without sanitizers: the rounds are long.
frag:
	$(Q)$(MAKE) --no-print-directory SANITIZE= HOST_OUT=$(O)/plain frag-bin
	$(Q)$(O)/plain/fpg-frag $(MIB)
