/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memblock -> a first backend -> the one that was chosen: the way Linux started while bootmem was its boot allocator.
 * The first one ends with free_all_bootmem(), a change as any other (core/palloc_switch.c); when it fails, the first
 * serves on.
 */
#define LOG_MODULE "bootmem"
#include "bootmem_private.h"
#include "page_alloc_private.h"
#include "palloc_switch_private.h"

#include "fpg/core/bootmem.h"
#include "fpg/core/log.h"
#include "fpg/core/palloc_registry.h"

#include <string.h>

#ifndef CONFIG_PALLOC_BOOT
#define CONFIG_PALLOC_BOOT ""
#endif

/** Who is to serve in the end; NULL: whoever serves. */
static const struct palloc_ops *chosen;

const char *bootmem_route(const char *choice, char *first, size_t bytes)
{
	const char *plus = choice != NULL ? strchr(choice, '+') : NULL;
	const char *name = plus != NULL ? choice : CONFIG_PALLOC_BOOT;
	size_t length = plus != NULL ? (size_t)(plus - choice) : strlen(name);
	length = length < bytes - 1 ? length : bytes - 1;
	memcpy(first, name, length);
	first[length] = '\0';
	return plus != NULL ? plus + 1 : choice;
}

const struct palloc_ops *bootmem_first(const char *first, const struct palloc_ops *last)
{
	const struct palloc_ops *ops = palloc_find(first);
	const uint32_t needed = PALLOC_CAP_FREE;
	chosen = NULL;
	if (first[0] == '\0' || ops == last) {
		return last;
	}
	if (ops == NULL || (ops->caps & PALLOC_CAP_OVERLAY)) {
		pr_warn("%s cannot start: no such page allocator. %s starts", first, last->name);
		return last;
	}
	/* Per-hart caches are there from the start and stay: both have to do with them alike. */
	if ((ops->caps & last->caps & needed) != needed ||
	    ((ops->caps | last->caps) & PALLOC_CAP_HART)) {
		pr_warn("%s cannot hand over to %s, which starts alone", ops->name, last->name);
		return last;
	}
	chosen = last;
	return ops;
}

void bootmem_route_reset(void)
{
	chosen = NULL;
}

/* ---- the hand-over --------------------------------------------------------------------------- */

unsigned long free_all_bootmem(void)
{
	const struct palloc_ops *to = chosen;
	struct palloc_switch_report report = { .from = page_alloc_backend_name() };
	chosen = NULL;
	if (to == NULL) {
		return 0;
	}
	if (palloc_change(to, &report) != 0) {
		pr_err("%s serves on: %s", report.from, report.why);
		return 0;
	}
	pr_info("%s handed over to %s: %llu pages are free", report.from, report.to,
		(unsigned long long)page_alloc_free_pages());
	return page_alloc_free_pages();
}
