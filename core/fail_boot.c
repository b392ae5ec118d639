/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The count of the boot's allocations, and which of them fails. memblock must build without this file, so it is asked
 * through memblock's filter, which is set only while something is counted.
 */
#define LOG_MODULE "fail_boot"
#include "fpg/core/fail_boot.h"

#include "page_alloc_private.h"

#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/symbols.h"
#include "fpg/port/trap.h"

#include <inttypes.h>
#include <stdio.h>

/** Of the one that fails, as far as they are told. */
#define CALLERS 6

uint32_t fail_boot_counting;

/** The allocation that fails; 0: none. */
static uint64_t wanted;
static uint64_t counted;

/** The functions that led here, innermost first: with the message before it, this names the call. */
static void log_callers(void)
{
	uint64_t pcs[CALLERS + 2];
	char name[48];
	char text[CALLERS * sizeof(name)];
	struct out_buffer b;
	size_t n = port_backtrace(port_frame_pointer(), pcs, CALLERS + 2);
	/* This function's callers in this file are not among those asked for. */
	size_t first = n > 2 ? 2 : n;
	out_buffer_init(&b, text, sizeof(text));
	for (size_t i = first; i < n; i++) {
		out_printf(&b.out, "%s%s", i > first ? " < " : "",
			   symbol_format(name, sizeof(name), pcs[i]));
	}
	if (n > first) {
		pr_info("called by %s", text);
	}
}

/** Return: the number of the next allocation if it is to fail | 0 */
static uint64_t count_next(void)
{
	uint64_t n = __atomic_add_fetch(&counted, 1, __ATOMIC_RELAXED);
	return n == wanted ? n : 0;
}

static void tell(uint64_t n, const char *what)
{
	pr_warn("allocation %" PRIu64 " (%s) fails", n, what);
	log_callers();
}

bool fail_boot_count_one(const char *what)
{
	uint64_t n = count_next();
	if (n == 0) {
		return false;
	}
	tell(n, what);
	return true;
}

/** Every boot counts, so nothing is formatted before it is known to be shown. */
static bool memblock_filter(const char *function, phys_addr_t bytes, struct mem_owner owner)
{
	char what[96];
	uint64_t n = count_next();
	if (n == 0) {
		return false;
	}
	(void)snprintf(what, sizeof(what), "%s: %s, %" PRIu64 " bytes", function,
		       owner.kind != OWNER_NONE ? owner_kind_name(owner.kind) : "no owner", bytes);
	tell(n, what);
	return true;
}

void fail_boot_set(uint64_t k)
{
	if (!FPG_ENABLED(CONFIG_FAIL_BOOT)) {
		return;
	}
	wanted = k;
	__atomic_store_n(&counted, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&fail_boot_counting, 1, __ATOMIC_RELEASE);
	memblock_set_alloc_filter(memblock_filter);
	/* Cached pages are not counted: so there are none. */
	page_alloc_debug_set(PAGE_ALLOC_BOOT, true);
}

uint64_t fail_boot_end(void)
{
	uint64_t n = fail_boot_count();
	bool was_on = __atomic_exchange_n(&fail_boot_counting, 0, __ATOMIC_ACQ_REL) != 0;
	memblock_set_alloc_filter(NULL);
	page_alloc_debug_set(PAGE_ALLOC_BOOT, false);
	if (was_on && wanted > n) {
		pr_warn("fail_boot=%" PRIu64 ": none failed, the boot made %" PRIu64 " allocations",
			wanted, n);
	}
	return n;
}

uint64_t fail_boot_count(void)
{
	return __atomic_load_n(&counted, __ATOMIC_RELAXED);
}
