/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that live in files of their own, for the tables, and what several of them need. */
#pragma once

#include "fpg/core/gfp.h"
#include "fpg/core/page_cache.h"
#include "fpg/core/zone.h"
#include "fpg/monitor/command.h"

int cmd_harts(struct monitor *m, int argc, char **argv);
int cmd_on(struct monitor *m, int argc, char **argv);
int cmd_crash(struct monitor *m, int argc, char **argv);
int cmd_dtb(struct monitor *m, int argc, char **argv);
int cmd_ledger(struct monitor *m, int argc, char **argv);
int cmd_memblock(struct monitor *m, int argc, char **argv);
int cmd_pagetable(struct monitor *m, int argc, char **argv);
int cmd_alloc(struct monitor *m, int argc, char **argv);
int cmd_free(struct monitor *m, int argc, char **argv);
int cmd_vmallocinfo(struct monitor *m, int argc, char **argv);
int cmd_user(struct monitor *m, int argc, char **argv);
int cmd_mm(struct monitor *m, int argc, char **argv);
int cmd_page_owner(struct monitor *m, int argc, char **argv);
int cmd_zoneinfo(struct monitor *m, int argc, char **argv);
int cmd_pagetypeinfo(struct monitor *m, int argc, char **argv);
int cmd_cma(struct monitor *m, int argc, char **argv);
int cmd_dma(struct monitor *m, int argc, char **argv);
int cmd_caches(struct monitor *m, int argc, char **argv);
int cmd_compact(struct monitor *m, int argc, char **argv);
int cmd_extfrag(struct monitor *m, int argc, char **argv);
int cmd_fail_page_alloc(struct monitor *m, int argc, char **argv);

/** A hart's caches of a zone that were ever in use. */
typedef void (*monitor_cache_fn)(void *ctx, unsigned int hart, enum migratetype type,
				 unsigned int order, const struct page_cache_info *info);
void monitor_each_cache(const struct zone *zone, monitor_cache_fn fn, void *ctx);

/** The members that say which cache it is, and how it is; inside an object. */
void monitor_json_cache(struct json *j, unsigned int hart, enum migratetype type,
			unsigned int order, const struct page_cache_info *info);

/** One text line or more a zone; in JSON, an array "zones" of what @object begins and ends. */
int monitor_each_zone(struct monitor *m, zone_fn text, zone_fn object);

/** `palloc switch NAME`; argv as `palloc` has it. */
int monitor_palloc_switch(struct monitor *m, int argc, char **argv);

/** What monitor_set_facts() was given, or NULL. */
const struct dt_facts *monitor_facts(void);

/** Destroy the address spaces that `user … keep` kept. Return: how many */
unsigned int monitor_drop_spaces(void);

/** Add the gfp flags that @word names (`kernel`, `movable`, …) to *@gfp. Return: 0 | -EINVAL */
int monitor_gfp_word(const char *word, gfp_t *gfp);

/** The member "blocker", inside an object; nothing when there is none. */
struct migrate_blocker;
void monitor_json_blocker(struct json *j, const struct migrate_blocker *b);

/** CRC-32 of IEEE 802.3. */
uint32_t monitor_crc32(const void *bytes, size_t count);
