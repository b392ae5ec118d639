/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `alloc` and `free`: blocks that the monitor holds. Each kept block carries its own entry of the
 * list in its first bytes, so any number can be kept; a mark in it tells whether somebody else
 * wrote there meanwhile.
 */
#include "commands.h"

#include "fpg/base/parse.h"
#include "fpg/core/page_alloc.h"

#include <errno.h>
#include <string.h>

/** Blocks shown one by one; of more, only the sum. */
#define SHOWN 16

#define HELD_MARK 0x6670672d68656c64ULL

struct held {
	uint64_t mark;
	struct held *next;
	uint32_t order;
};

static struct held *held_blocks;

static const struct {
	const char *name;
	gfp_t flags;
} gfp_words[] = {
	{ "kernel", GFP_KERNEL },
	{ "atomic", GFP_ATOMIC },
	{ "nowait", GFP_NOWAIT },
	{ "dma", __GFP_DMA },
	{ "dma32", __GFP_DMA32 },
	{ "movable", __GFP_MOVABLE },
	{ "reclaimable", __GFP_RECLAIMABLE },
	{ "high", __GFP_HIGH },
	{ "zero", __GFP_ZERO },
	{ "nowarn", __GFP_NOWARN },
	{ "thisnode", __GFP_THISNODE },
	{ "nofail", __GFP_NOFAIL },
	{ "memalloc", __GFP_MEMALLOC },
};

int monitor_gfp_word(const char *word, gfp_t *gfp)
{
	for (size_t i = 0; i < ARRAY_SIZE(gfp_words); i++) {
		if (strcmp(word, gfp_words[i].name) == 0) {
			*gfp |= gfp_words[i].flags;
			return 0;
		}
	}
	return -EINVAL;
}

struct request {
	uint64_t order;
	uint64_t count;
	gfp_t gfp;
};

static int read_request(struct monitor *m, int argc, char **argv, struct request *r)
{
	int at = 1;
	bool flags = false;
	*r = (struct request){ .count = 1 };
	if (at < argc && parse_size_all(argv[at], &r->order) == 0) {
		at++;
		if (at < argc && parse_size_all(argv[at], &r->count) == 0) {
			at++;
		}
	}
	for (; at < argc; at++) {
		flags = true;
		if (monitor_gfp_word(argv[at], &r->gfp) != 0) {
			return monitor_fail(m, -EINVAL, "'%s' is neither a number nor a flag",
					    argv[at]);
		}
	}
	if (!flags) {
		r->gfp = GFP_KERNEL;
	}
	if (r->order > MAX_PAGE_ORDER) {
		return monitor_fail(m, -EINVAL, "orders go from 0 to %d", MAX_PAGE_ORDER);
	}
	return 0;
}

static void keep(struct page *page, uint32_t order)
{
	struct held *h = page_address(page);
	*h = (struct held){ HELD_MARK, held_blocks, order };
	held_blocks = h;
}

static void show_block(struct monitor *m, const struct held *h)
{
	const struct page *page = virt_to_page(h);
	const struct zone *zone = zone_by_id(page_word_zone(page->word));
	unsigned long long phys = page_to_phys(page);
	if (m->json) {
		json_object_begin(&m->writer);
		json_kv_u64(&m->writer, "pfn", page_to_pfn(page).n);
		json_kv_hex(&m->writer, "base", phys);
		json_kv_u64(&m->writer, "order", h->order);
		json_kv_string(&m->writer, "zone", zone != NULL ? zone_name(zone->type) : NULL);
		json_kv_i64(&m->writer, "node", zone != NULL ? zone->nid : -1);
		json_object_end(&m->writer);
		return;
	}
	out_printf(m->out, "  pfn 0x%llx, address 0x%llx, order %u, zone %s of node %d\n",
		   (unsigned long long)page_to_pfn(page).n, phys, h->order,
		   zone != NULL ? zone_name(zone->type) : "?", zone != NULL ? zone->nid : -1);
}

/** The newest @count blocks, newest first, as far as they are shown. */
static void show_blocks(struct monitor *m, const struct request *r, uint64_t count)
{
	const struct held *h = held_blocks;
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_kv_u64(j, "allocated", count);
		json_kv_u64(j, "wanted", r->count);
		json_kv_u64(j, "order", r->order);
		json_key(j, "blocks");
		json_array_begin(j);
	}
	for (uint64_t i = 0; i < count && i < SHOWN; i++, h = h->next) {
		show_block(m, h);
	}
	if (m->json) {
		json_array_end(&m->writer);
		monitor_json_end(m);
	} else if (count > SHOWN) {
		out_printf(m->out, "  and %llu more\n", (unsigned long long)(count - SHOWN));
	}
}

int cmd_alloc(struct monitor *m, int argc, char **argv)
{
	struct request r;
	int err = read_request(m, argc, argv, &r);
	if (err != 0) {
		return err;
	}
	uint64_t count = 0;
	while (count < r.count) {
		struct page *page = alloc_pages(r.gfp, (unsigned int)r.order);
		if (page == NULL) {
			break;
		}
		keep(page, (uint32_t)r.order);
		count++;
	}
	if (count == 0 && r.count != 0) {
		return monitor_fail(m, -ENOMEM, "no block of order %llu",
				    (unsigned long long)r.order);
	}
	show_blocks(m, &r, count);
	if (count < r.count) {
		/* With JSON, "allocated" against "wanted" says it. */
		return m->json ?
			       -ENOMEM :
			       monitor_fail(m, -ENOMEM, "only %llu of %llu blocks of order %llu",
					    (unsigned long long)count, (unsigned long long)r.count,
					    (unsigned long long)r.order);
	}
	return 0;
}

/**
 * Give @h back. Return: 0: it is no longer ours | -EFAULT (it is not what it was, said) | -EBUSY (refused, as the log
 * says: it is as it was)
 */
static int give(struct monitor *m, struct held *h)
{
	if (h->mark != HELD_MARK || h->order > MAX_PAGE_ORDER) {
		return monitor_fail(m, -EFAULT, "somebody wrote to the block at 0x%llx",
				    (unsigned long long)port_virt_to_phys(h));
	}
	struct page *page = virt_to_page(h);
	uint64_t word = page->word;
	__free_pages(page, h->order);
	/* A free that was done changes the record's state; one that was refused leaves the record. */
	return page->word == word ? -EBUSY : 0;
}

static int say_freed(struct monitor *m, uint64_t freed, uint64_t refused)
{
	uint64_t blocks = freed + refused;
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_kv_u64(j, "freed", freed);
		json_kv_u64(j, "refused", refused);
		monitor_json_end(m);
		return refused != 0 ? -EBUSY : 0;
	}
	out_printf(m->out, "  %llu block%s freed\n", (unsigned long long)freed,
		   freed == 1 ? "" : "s");
	if (refused != 0) {
		return monitor_fail(m, -EBUSY, "%llu of %llu refused (the log says why), kept",
				    (unsigned long long)refused, (unsigned long long)blocks);
	}
	return 0;
}

static int free_all(struct monitor *m)
{
	uint64_t freed = 0;
	uint64_t refused = 0;
	struct held **at = &held_blocks;
	while (*at != NULL) {
		struct held *h = *at;
		struct held *next = h->next;
		int err = give(m, h);
		if (err == -EBUSY) {
			refused++;
			at = &h->next;
			continue;
		}
		if (err != 0) {
			/* The rest of the list hangs on what was overwritten. */
			*at = NULL;
			return err;
		}
		*at = next;
		freed++;
	}
	return say_freed(m, freed, refused);
}

int cmd_free(struct monitor *m, int argc, char **argv)
{
	uint64_t which;
	(void)argc;
	if (strcmp(argv[1], "all") == 0) {
		return free_all(m);
	}
	if (parse_size_all(argv[1], &which) != 0) {
		return monitor_fail(m, -EINVAL,
				    "'%s' is neither a frame number nor an address nor all",
				    argv[1]);
	}
	for (struct held **at = &held_blocks; *at != NULL; at = &(*at)->next) {
		struct held *h = *at;
		phys_addr_t phys = port_virt_to_phys(h);
		if (h->mark != HELD_MARK) {
			break;
		}
		if (which == phys || which == phys_to_pfn(phys).n ||
		    which == (uint64_t)(uintptr_t)h) {
			struct held *next = h->next;
			int err = give(m, h);
			if (err == 0) {
				*at = next;
			}
			return err != -EBUSY ?
				       err :
				       monitor_fail(m, err, "refused (the log says why), kept");
		}
	}
	return monitor_fail(m, -ENOENT, "`alloc` keeps no block at %s", argv[1]);
}
