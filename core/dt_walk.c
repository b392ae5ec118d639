/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk over the structure block: one step a node, properties sorted into their places, cells on a stack. */
#include "dt_walk.h"

#include <libfdt.h>
#include <string.h>

/** Cells of a node that does not say. Source: Devicetree v0.4, 2.3.5. */
#define DEFAULT_ADDRESS_CELLS 2
#define DEFAULT_SIZE_CELLS    1

/** FDT_MAX_NCELLS of libfdt: no known binding has more. */
#define MAX_CELLS 4

FPG_INITCONST static const char *const prop_names[] = {
#define X(id, name) [id] = name,
	DT_PROPS(X)
#undef X
};

/** First known name for each first letter; filled at the first walk. Names of one letter lie together. */
FPG_INITBSS static uint8_t first_with_letter[128];
FPG_INITBSS static bool letters_ready;

FPG_INITBSS static struct dt_walk the_walk;

FPG_INIT static void letters_init(void)
{
	if (letters_ready) {
		return;
	}
	memset(first_with_letter, DT_PROP_COUNT, sizeof(first_with_letter));
	for (unsigned int p = DT_PROP_COUNT; p-- > 0;) {
		first_with_letter[(unsigned char)prop_names[p][0] & 127] = (uint8_t)p;
	}
	letters_ready = true;
}

FPG_INIT static enum dt_prop prop_by_name(const char *name)
{
	if ((unsigned char)name[0] > 127) {
		return DT_PROP_COUNT;
	}
	unsigned int p = first_with_letter[(unsigned char)name[0]];
	for (; p < DT_PROP_COUNT && prop_names[p][0] == name[0]; p++) {
		if (strcmp(prop_names[p], name) == 0) {
			return (enum dt_prop)p;
		}
	}
	return DT_PROP_COUNT;
}

FPG_INIT struct dt_walk *dt_walk_begin(const void *blob)
{
	letters_init();
	dt_translate_begin();
	the_walk.blob = blob;
	the_walk.next = 0;
	the_walk.too_deep = 0;
	the_walk.first_too_deep = -1;
	the_walk.node = -1;
	the_walk.depth = -1;
	return &the_walk;
}

/*
 * libfdt's accessors check the tag again at each call. Where fdt_next_tag() has just accepted it, name and value lie where
 * the format says; only versions before 16 pad them, so those go the long way.
 */
FPG_INIT static bool is_plain(const struct dt_walk *w)
{
	return fdt_version(w->blob) >= 16;
}

FPG_INIT static const char *node_name(const struct dt_walk *w, int at)
{
	return is_plain(w) ? fdt_offset_ptr(w->blob, at + FDT_TAGSIZE, 1) :
			     fdt_get_name(w->blob, at, NULL);
}

/** The property at @at. Return: its name, or NULL when its offset is damaged */
FPG_INIT static const char *property_at(const struct dt_walk *w, int at, struct dt_value *value)
{
	const char *name = NULL;
	int bytes = 0;
	if (!is_plain(w)) {
		value->data = fdt_getprop_by_offset(w->blob, at, &name, &bytes);
		value->bytes = (uint32_t)bytes;
		return value->data != NULL ? name : NULL;
	}
	const struct fdt_property *p = fdt_offset_ptr(w->blob, at, sizeof(*p));
	if (p == NULL) {
		return NULL;
	}
	value->data = (const uint8_t *)p->data;
	value->bytes = fdt32_ld(&p->len);
	return fdt_get_string(w->blob, (int)fdt32_ld(&p->nameoff), NULL);
}

/** Take the properties that follow the node's name, up to its first subnode or end. */
FPG_INIT static void read_properties(struct dt_walk *w)
{
	w->present = 0;
	for (;;) {
		int after;
		uint32_t tag = fdt_next_tag(w->blob, w->next, &after);
		if (tag != FDT_PROP && tag != FDT_NOP) {
			return;
		}
		if (tag == FDT_PROP) {
			struct dt_value value;
			const char *name = property_at(w, w->next, &value);
			enum dt_prop p = name != NULL ? prop_by_name(name) : DT_PROP_COUNT;
			/* Of two properties with one name the first counts, as in libfdt. */
			if (p != DT_PROP_COUNT && !dt_has(w, p)) {
				w->present |= 1ULL << p;
				w->props[p] = value;
			}
		}
		w->next = after;
	}
}

FPG_INIT static uint8_t cells_of(const struct dt_walk *w, enum dt_prop p, uint8_t absent)
{
	if (!dt_has(w, p)) {
		return absent;
	}
	const struct dt_value *v = &w->props[p];
	uint32_t cells = v->bytes == sizeof(fdt32_t) ? fdt32_ld((const fdt32_t *)v->data) :
						       DT_BAD_CELLS;
	return cells <= MAX_CELLS ? (uint8_t)cells : DT_BAD_CELLS;
}

FPG_INIT static enum dt_class class_of(const struct dt_walk *w)
{
	if (w->depth == 0) {
		return DT_ROOT;
	}
	if (w->depth == 1) {
		if (dt_named(w, "chosen")) {
			return DT_CHOSEN;
		}
		if (dt_named(w, "aliases")) {
			return DT_ALIASES;
		}
		if (dt_named(w, "cpus")) {
			return DT_CPUS;
		}
		return dt_named(w, "reserved-memory") ? DT_RESERVED_MEMORY : DT_OTHER;
	}
	if (w->depth == 2 && dt_parent(w)->class == DT_CPUS) {
		return DT_CPU;
	}
	if (w->depth == 2 && dt_parent(w)->class == DT_RESERVED_MEMORY) {
		return DT_RESERVED_NODE;
	}
	return DT_OTHER;
}

FPG_INIT static void push_level(struct dt_walk *w)
{
	struct dt_level *here = &w->levels[w->depth];
	here->node = w->node;
	here->class = (uint8_t)class_of(w);
	here->cells_absent = !dt_has(w, P_ADDRESS_CELLS) || !dt_has(w, P_SIZE_CELLS);
	here->address_cells = cells_of(w, P_ADDRESS_CELLS, DEFAULT_ADDRESS_CELLS);
	here->size_cells = cells_of(w, P_SIZE_CELLS, DEFAULT_SIZE_CELLS);
	if (here->class == DT_RESERVED_MEMORY) {
		/* It has to repeat the root's (Devicetree v0.4, 3.5.1), so the root's are meant. */
		const struct dt_level *root = &w->levels[0];
		here->address_cells = cells_of(w, P_ADDRESS_CELLS, root->address_cells);
		here->size_cells = cells_of(w, P_SIZE_CELLS, root->size_cells);
	}
	here->enabled = dt_enabled(w) && (w->depth == 0 || w->levels[w->depth - 1].enabled);
	here->has_ranges = dt_has(w, P_RANGES);
	here->ranges = here->has_ranges ? w->props[P_RANGES] : (struct dt_value){ NULL, 0 };
}

/** Stand at the node at @at, whose name ends at @after, one level below the last one. */
FPG_INIT static bool enter(struct dt_walk *w, int at, int after)
{
	w->next = after;
	w->node = at;
	w->name = node_name(w, at);
	if (w->name == NULL) {
		return false;
	}
	w->base_name_bytes = (uint32_t)strcspn(w->name, "@");
	read_properties(w);
	push_level(w);
	return true;
}

FPG_INIT bool dt_walk_down(struct dt_walk *w, const int32_t *nodes, uint32_t depth)
{
	bool ok = dt_walk_next(w);
	for (uint32_t i = 0; ok && i < depth; i++) {
		int after;
		w->depth++;
		ok = fdt_next_tag(w->blob, nodes[i], &after) == FDT_BEGIN_NODE &&
		     enter(w, nodes[i], after);
	}
	return ok;
}

FPG_INIT bool dt_walk_next(struct dt_walk *w)
{
	for (;;) {
		int after;
		int at = w->next;
		uint32_t tag = fdt_next_tag(w->blob, at, &after);
		if (tag == FDT_END || after < 0) {
			return false;
		}
		w->next = after;
		if (tag == FDT_END_NODE) {
			w->depth--;
		} else if (tag == FDT_BEGIN_NODE) {
			w->depth++;
			if (w->depth >= DT_MAX_DEPTH) {
				w->first_too_deep = w->too_deep++ == 0 ? at : w->first_too_deep;
				continue;
			}
			return enter(w, at, after);
		}
	}
}
