# SPDX-License-Identifier: BSD-2-Clause
# Short lines for each step; V=1 shows the commands.

V ?= 0
ifeq ($(V),1)
Q   :=
say  = @:
else
Q   := @
# $(call say,CC,file)
say  = @printf '  %-7s %s\n' '$(1)' '$(2)'
endif
# make's one-letter options come first, without a dash, if there are any.
ifneq ($(findstring s,$(filter-out -% %=%,$(firstword $(MAKEFLAGS)))),)
say  = @:
endif

# $(call note,TEXT): a recipe that writes TEXT into the target, and touches it only when the text is another.
note = @mkdir -p $(@D); [ "$$(cat $@ 2>/dev/null)" = '$(1)' ] || printf '%s\n' '$(1)' >$@
