/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Property values: strings, numbers, lists of (address, size) and translation through ranges. Values come from a
 * blob whose structure is sound, but whose contents may be anything, so every length is looked at.
 */
#include "dt_walk.h"

#include "fpg/base/range.h"

#include <errno.h>
#include <libfdt.h>
#include <string.h>

FPG_INIT const char *dt_string(const struct dt_walk *w, enum dt_prop p)
{
	if (!dt_has(w, p)) {
		return NULL;
	}
	const struct dt_value *v = &w->props[p];
	if (v->bytes == 0 || v->data[v->bytes - 1] != '\0') {
		return NULL;
	}
	return (const char *)v->data;
}

FPG_INIT bool dt_is_compatible(const struct dt_walk *w, const char *name)
{
	if (!dt_has(w, P_COMPATIBLE)) {
		return false;
	}
	const struct dt_value *v = &w->props[P_COMPATIBLE];
	return fdt_stringlist_contains((const char *)v->data, (int)v->bytes, name);
}

FPG_INIT bool dt_named(const struct dt_walk *w, const char *name)
{
	return strncmp(w->name, name, w->base_name_bytes) == 0 && name[w->base_name_bytes] == '\0';
}

FPG_INIT bool dt_enabled(const struct dt_walk *w)
{
	if (!dt_has(w, P_STATUS)) {
		return true;
	}
	const char *status = dt_string(w, P_STATUS);
	return status != NULL && (strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0);
}

FPG_INIT bool dt_number(const struct dt_walk *w, enum dt_prop p, uint64_t *value)
{
	const struct dt_value *v = &w->props[p];
	if (v->bytes != sizeof(fdt32_t) && v->bytes != sizeof(fdt64_t)) {
		return false;
	}
	return dt_cells(v->data, v->bytes / sizeof(fdt32_t), value);
}

bool dt_cells(const uint8_t *p, uint32_t cells, uint64_t *value)
{
	uint64_t v = 0;
	for (; cells > 2; cells--, p += sizeof(fdt32_t)) {
		if (fdt32_ld((const fdt32_t *)p) != 0) {
			return false;
		}
	}
	for (; cells > 0; cells--, p += sizeof(fdt32_t)) {
		v = v << 32 | fdt32_ld((const fdt32_t *)p);
	}
	*value = v;
	return true;
}

FPG_INIT struct dt_tuples dt_tuples(const struct dt_level *parent, struct dt_value value)
{
	return (struct dt_tuples){ value, parent->address_cells, parent->size_cells };
}

FPG_INIT uint32_t dt_tuple_bytes(const struct dt_tuples *t)
{
	if (t->address_cells == DT_BAD_CELLS || t->size_cells == DT_BAD_CELLS ||
	    t->address_cells == 0 || t->size_cells == 0) {
		return 0;
	}
	return (uint32_t)(t->address_cells + t->size_cells) * (uint32_t)sizeof(fdt32_t);
}

FPG_INIT int dt_tuple_next(struct dt_tuples *t, uint64_t *base, uint64_t *size)
{
	uint32_t bytes = dt_tuple_bytes(t);
	if (bytes == 0 || t->value.bytes < bytes) {
		return 0;
	}
	const uint8_t *p = t->value.data;
	t->value.data += bytes;
	t->value.bytes -= bytes;
	if (!dt_cells(p, t->address_cells, base) ||
	    !dt_cells(p + t->address_cells * sizeof(fdt32_t), t->size_cells, size)) {
		return -ERANGE;
	}
	return 1;
}

/** Entries of ranges that one walk looks at: some hundred times what real trees need. */
#define TRANSLATE_PATIENCE (1U << 20)

FPG_INITBSS static uint32_t translate_patience;

FPG_INIT void dt_translate_begin(void)
{
	translate_patience = TRANSLATE_PATIENCE;
}

FPG_INIT bool dt_translate_gave_up(void)
{
	return translate_patience == 0;
}

FPG_INIT bool dt_translate_once(const struct dt_level *level, const struct dt_level *parent,
				uint64_t *base, uint64_t size)
{
	if (!level->has_ranges) {
		return false;
	}
	if (level->ranges.bytes == 0) {
		return true;
	}
	uint32_t child_cells = level->address_cells;
	uint32_t parent_cells = parent->address_cells;
	uint32_t size_cells = level->size_cells;
	if (child_cells == DT_BAD_CELLS || parent_cells == DT_BAD_CELLS ||
	    size_cells == DT_BAD_CELLS) {
		return false;
	}
	uint32_t bytes = (child_cells + parent_cells + size_cells) * (uint32_t)sizeof(fdt32_t);
	if (bytes == 0) {
		return false;
	}
	const uint8_t *p = level->ranges.data;
	for (uint32_t left = level->ranges.bytes; left >= bytes && translate_patience > 0;
	     left -= bytes, p += bytes, translate_patience--) {
		uint64_t from;
		uint64_t to;
		uint64_t span;
		if (!dt_cells(p, child_cells, &from) ||
		    !dt_cells(p + child_cells * sizeof(fdt32_t), parent_cells, &to) ||
		    !dt_cells(p + (child_cells + parent_cells) * sizeof(fdt32_t), size_cells,
			      &span)) {
			continue;
		}
		if (*base >= from && *base - from < span && size <= span - (*base - from) &&
		    !phys_range_overflows(to, *base - from)) {
			*base = to + (*base - from);
			return true;
		}
	}
	return false;
}

FPG_INIT bool dt_translate(const struct dt_walk *w, int depth, uint64_t *base, uint64_t size)
{
	for (; depth > 0; depth--) {
		if (!dt_translate_once(&w->levels[depth], &w->levels[depth - 1], base, size)) {
			return false;
		}
	}
	return true;
}
