/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long the other harts stand still when another backend takes over 256 MiB that are half full and in pieces as small as
 * there are: every second page is in use. Each backend of the image takes over in turn, until the first one serves again;
 * a line begins with the name of the one that took over.
 */
#include "bench.h"

#include "fpg/core/page_alloc.h"
#include "fpg/core/palloc_ops.h"
#include "fpg/core/palloc_switch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAGES (256UL << 20 >> PAGE_SHIFT)

/** In the pages themselves. */
struct link {
	struct link *next;
};

static void give(struct link *list)
{
	while (list != NULL) {
		struct link *next = list->next;
		__free_page(virt_to_page(list));
		list = next;
	}
}

/** *@kept: every second page of PAGES; the others are free. */
static bool fragment(struct link **kept)
{
	struct link *spare = NULL;
	*kept = NULL;
	for (unsigned long i = 0; i < PAGES; i++) {
		struct link *l = __get_free_pages(GFP_KERNEL, 0);
		if (l == NULL) {
			give(spare);
			return false;
		}
		struct link **list = page_to_pfn(virt_to_page(l)).n & 1 ? kept : &spare;
		l->next = *list;
		*list = l;
	}
	give(spare);
	return true;
}

static int switch_round(struct bench_report *report)
{
	struct palloc_switch_report what;
	size_t first = 0;
	size_t count = 0;
	for (; palloc_table[count] != NULL; count++) {
		first = strcmp(palloc_table[count]->name, page_alloc_backend_name()) == 0 ? count :
											    first;
	}
	for (size_t i = 1; i <= count; i++) {
		int err = palloc_switch(palloc_table[(first + i) % count]->name, &what);
		if (err != 0) {
			return bench_fail(report, err, what.why);
		}
		if (!what.same) {
			char name[64];
			snprintf(name, sizeof(name), "%s.switch_pause", what.to);
			bench_line(report, name, what.pause_instructions, 1);
		}
	}
	return 0;
}

static int switch_pause(struct bench_report *report)
{
	struct link *kept;
	int err = fragment(&kept) ? switch_round(report) :
				    bench_fail(report, -ENOMEM, "no 256 MiB");
	give(kept);
	return err;
}

const struct bench bench_rows_switch[] = {
	{ "palloc.switch_pause", switch_pause },
	{ 0 },
};
