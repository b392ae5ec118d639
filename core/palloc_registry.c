/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registry of page-allocator backends. palloc_table[] is generated; after
 * palloc_registry_validate() callers may rely on every function that a capability bit promises,
 * without testing for NULL.
 */
#include "fpg/core/palloc_registry.h"

#include <errno.h>
#include <string.h>

static int fault_set(struct palloc_fault *fault, const struct palloc_ops *ops, const char *field,
		     const char *problem)
{
	fault->backend = ops->name != NULL && ops->name[0] != '\0' ? ops->name : "?";
	fault->field = field;
	fault->problem = problem;
	return -EINVAL;
}

#define ALL_CAPS                                                                           \
	(PALLOC_CAP_FREE | PALLOC_CAP_ORDER | PALLOC_CAP_RUN | PALLOC_CAP_SUBFREE |        \
	 PALLOC_CAP_CLAIM | PALLOC_CAP_CLASS | PALLOC_CAP_HART | PALLOC_CAP_SHRINK |       \
	 PALLOC_CAP_SELFLOCK | PALLOC_CAP_OVERLAY | PALLOC_CAP_RECORDS | PALLOC_CAP_PACK | \
	 PALLOC_CAP_CLEARS)

/** All of an overlay's functions are there. */
static bool overlay_whole(const struct palloc_overlay_ops *overlay)
{
	return overlay != NULL && overlay->window != NULL && overlay->mark != NULL &&
	       overlay->unmark != NULL && overlay->all_free != NULL && overlay->all_given != NULL;
}

static int validate_functions(const struct palloc_ops *ops, struct palloc_fault *fault)
{
	const struct {
		const char *field;
		bool present;
		/** 0: mandatory. */
		uint32_t cap;
	} functions[] = {
		{ "meta_bytes", ops->meta_bytes != NULL, 0 },
		{ "init", ops->init != NULL, 0 },
		{ "add", ops->add != NULL, 0 },
		{ "alloc", ops->alloc != NULL, 0 },
		{ "stats", ops->stats != NULL, 0 },
		{ "walk", ops->walk != NULL, 0 },
		{ "check", ops->check != NULL, 0 },
		{ "free", ops->free != NULL, PALLOC_CAP_FREE },
		{ "claim", ops->claim != NULL, PALLOC_CAP_CLAIM },
		{ "retag", ops->retag != NULL, PALLOC_CAP_CLASS },
		{ "drain", ops->drain != NULL, PALLOC_CAP_HART },
		{ "shrink", ops->shrink != NULL, PALLOC_CAP_SHRINK },
		{ "alloc_bytes", ops->alloc_bytes != NULL, PALLOC_CAP_PACK },
		{ "overlay", overlay_whole(ops->overlay), PALLOC_CAP_OVERLAY },
	};
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		bool promised = functions[i].cap == 0 || (ops->caps & functions[i].cap) != 0;
		if (promised && !functions[i].present) {
			return fault_set(fault, ops, functions[i].field,
					 functions[i].cap == 0 ? "is mandatory but missing" :
								 "is promised by caps but missing");
		}
		if (!promised && functions[i].present) {
			return fault_set(fault, ops, functions[i].field,
					 "is present but its capability bit is not set");
		}
	}
	return 0;
}

static int validate_one(const struct palloc_ops *ops, struct palloc_fault *fault)
{
	if (ops->name == NULL || ops->name[0] == '\0') {
		return fault_set(fault, ops, "name", "is missing");
	}
	if (strcmp(ops->name, "cma") == 0 && !(ops->caps & PALLOC_CAP_OVERLAY)) {
		return fault_set(fault, ops, "name", "is kept for the overlay");
	}
	if (ops->title == NULL) {
		return fault_set(fault, ops, "title", "is missing");
	}
	if (ops->caps & ~(uint32_t)ALL_CAPS) {
		return fault_set(fault, ops, "caps", "has an unknown bit");
	}
	bool order = (ops->caps & PALLOC_CAP_ORDER) != 0;
	bool run = (ops->caps & PALLOC_CAP_RUN) != 0;
	if (order == run) {
		return fault_set(fault, ops, "caps", "must say either ORDER or RUN");
	}
	if ((ops->caps & PALLOC_CAP_SUBFREE) && !(ops->caps & PALLOC_CAP_FREE)) {
		return fault_set(fault, ops, "caps", "has SUBFREE without FREE");
	}
	if (ops->max_order > MAX_PAGE_ORDER) {
		return fault_set(fault, ops, "max_order", "is beyond CONFIG_PALLOC_MAX_ORDER");
	}
	return validate_functions(ops, fault);
}

int palloc_registry_validate(const struct palloc_ops *const *table, struct palloc_fault *fault)
{
	for (size_t i = 0; table[i] != NULL; i++) {
		int err = validate_one(table[i], fault);
		if (err != 0) {
			return err;
		}
		for (size_t k = 0; k < i; k++) {
			if (strcmp(table[k]->name, table[i]->name) == 0) {
				return fault_set(fault, table[i], "name", "is used twice");
			}
		}
	}
	return 0;
}

static const struct palloc_ops *find_in(const struct palloc_ops *const *table, const char *name)
{
	for (size_t i = 0; name != NULL && table[i] != NULL; i++) {
		if (strcmp(table[i]->name, name) == 0) {
			return table[i];
		}
	}
	return NULL;
}

const struct palloc_ops *palloc_find(const char *name)
{
	const struct palloc_ops *ops = find_in(palloc_table, name);
	return ops != NULL ? ops : find_in(palloc_overlay_table, name);
}

const char *palloc_names(char *buf, size_t buf_bytes)
{
	size_t used = 0;
	if (buf_bytes == 0) {
		return buf;
	}
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		const char *parts[] = { i == 0 ? "" : ", ", palloc_table[i]->name };
		for (size_t p = 0; p < ARRAY_SIZE(parts); p++) {
			for (const char *s = parts[p]; *s != '\0' && used + 1 < buf_bytes; s++) {
				buf[used++] = *s;
			}
		}
	}
	buf[used] = '\0';
	return buf;
}
