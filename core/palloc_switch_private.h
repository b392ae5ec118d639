/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that let another backend take over. */
#pragma once

#include "fpg/core/palloc_switch.h"
#include "fpg/core/zone.h"

/** The instance of @zone that does not serve. */
static inline struct palloc *palloc_spare(struct zone *zone)
{
	return &zone->instances[zone->palloc == &zone->instances[0]];
}

/** Make the zone's spare instance @ops's, with metadata, empty. Return: 0 | -ENOMEM | what init said: there is none then */
FPG_MUST_CHECK int palloc_spare_make(struct zone *zone, const struct palloc_ops *ops);

/** Empty it again, whatever was added. Return: what init said */
FPG_MUST_CHECK int palloc_empty(struct palloc *pa);

/** Give back the metadata of the spare instance, if it has any. */
void palloc_spare_drop(struct zone *zone);

/**
 * The backend for a name that somebody chose. Return: NULL, and why not, as half a sentence: "no such page allocator;
 * there are: …"
 */
const struct palloc_ops *palloc_choose(const char *name, char *why, size_t why_bytes);

/**
 * palloc_switch() for a backend that exists.
 * @report  all zero; filled as palloc_switch() does
 */
FPG_MUST_CHECK int palloc_change(const struct palloc_ops *to, struct palloc_switch_report *report);
