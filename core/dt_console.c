/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console's UART: where its registers are and how they are read. Only properties; whether a device answers there is
 * found out by the driver. Nothing is looked at in a node for which there is no driver.
 */
#define LOG_MODULE "dt"
#include "dt_walk.h"

#include "fpg/base/range.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

/** A property of one number; @absent where there is none. Return: false, with a warning, when it is none, or above @most */
FPG_INIT static bool number(struct dt_facts *facts, const struct dt_walk *w, enum dt_prop p,
			    const char *name, uint64_t most, uint64_t *value)
{
	if (!dt_has(w, p)) {
		return true;
	}
	if (!dt_number(w, p, value)) {
		dt_warn(facts, w->node, "%s of %" PRIu32 " bytes is no number: not the console",
			name, w->props[p].bytes);
		return false;
	}
	if (*value > most) {
		dt_warn(facts, w->node, "%s %" PRIu64 " makes no sense: not the console", name,
			*value);
		return false;
	}
	return true;
}

FPG_INIT static bool read_layout(struct dt_facts *facts, const struct dt_walk *w,
				 struct port_console *port)
{
	uint64_t shift = 0;
	uint64_t width = 1;
	if (!number(facts, w, P_REG_SHIFT, "reg-shift", 31, &shift) ||
	    !number(facts, w, P_REG_IO_WIDTH, "reg-io-width", UINT32_MAX, &width)) {
		return false;
	}
	if (width != 1 && width != 2 && width != 4) {
		dt_warn(facts, w->node,
			"reg-io-width %" PRIu64 " is not 1, 2 or 4: not the console", width);
		return false;
	}
	if (1ULL << shift < width) {
		dt_warn(facts, w->node,
			"registers of reg-io-width %" PRIu64 " overlap with reg-shift %" PRIu64
			": not the console",
			width, shift);
		return false;
	}
	port->reg_shift = (uint8_t)shift;
	port->reg_io_width = (uint8_t)width;
	/* native-endian says what is so without it: our data accesses are little-endian. */
	port->big_endian = dt_has(w, P_BIG_ENDIAN);
	return true;
}

FPG_INIT static bool read_reg(struct dt_facts *facts, const struct dt_walk *w,
			      struct port_console *port)
{
	struct dt_tuples t = { { NULL, 0 }, 0, 0 };
	uint64_t base = 0;
	uint64_t size = 0;
	uint64_t offset = 0;
	if (dt_has(w, P_REG)) {
		t = dt_tuples(dt_parent(w), w->props[P_REG]);
	}
	if (dt_tuple_next(&t, &base, &size) != 1) {
		dt_warn(facts, w->node, "no reg with an address and a size: not the console");
		return false;
	}
	const uint64_t given = base;
	if (!dt_translate(w, w->depth - 1, &base, size) || phys_range_overflows(base, size)) {
		dt_warn(facts, w->node,
			"reg %#" PRIx64 "+%#" PRIx64 " is no address of the CPU: not the console",
			given, size);
		return false;
	}
	if (!number(facts, w, P_REG_OFFSET, "reg-offset", size, &offset)) {
		return false;
	}
	port->base = base + offset;
	port->bytes = size - offset;
	return true;
}

/** Registers in RAM: one of both is wrong, and writing there would destroy what the RAM holds. */
FPG_INIT static bool lies_in_ram(struct dt_facts *facts, const struct dt_walk *w,
				 const struct port_console *port)
{
	const struct phys_range registers = { port->base, port->bytes };
	for (uint32_t i = 0; i < facts->memory.count; i++) {
		const struct dt_range *m = &facts->memory.at[i];
		const struct phys_range ram = { m->base, phys_cap_size(m->base, m->size) };
		if (phys_ranges_overlap(registers, ram)) {
			dt_warn(facts, w->node,
				"reg %#" PRIx64 "+%#" PRIx64 " lies in RAM at %#" PRIx64
				": not the console",
				port->base, port->bytes, ram.base);
			return true;
		}
	}
	return false;
}

FPG_INIT static int read_node(struct dt_facts *facts, const struct dt_walk *w,
			      struct port_console *port)
{
	port->compatible = dt_string(w, P_COMPATIBLE);
	port->compatible_bytes = port->compatible != NULL ? w->props[P_COMPATIBLE].bytes : 0;
	if (port->compatible == NULL ||
	    port_console_driver(port->compatible, port->compatible_bytes) == NULL) {
		return -ENOTSUP;
	}
	if (!dt_here(w)->enabled) {
		dt_warn(facts, w->node,
			"stdout-path names it, but its status, or a parent's, is not okay: not the console");
		return -EINVAL;
	}
	return read_layout(facts, w, port) && read_reg(facts, w, port) &&
			       !lies_in_ram(facts, w, port) ?
		       0 :
		       -EINVAL;
}

/* ---- which node ---- */

FPG_INIT static size_t word_bytes(const char *path)
{
	return strcspn(path, "/:");
}

/** What stands between words, and the step from an alias to what follows it. */
FPG_INIT static void to_next_word(struct dt_console_path *p)
{
	p->rest += strspn(p->rest, "/");
	if (word_bytes(p->rest) == 0 && p->then != NULL) {
		p->rest = p->then + strspn(p->then, "/");
		p->then = NULL;
	}
}

/** From an alias, or from the root. Return: false when there is no such alias */
FPG_INIT static bool begin_path(struct dt_facts *facts, const char *path)
{
	struct dt_console_path *p = &facts->console;
	*p = (struct dt_console_path){ .rest = path };
	if (path[0] != '/') {
		int bytes;
		const char *alias = facts->aliases < 0 ?
					    NULL :
					    fdt_getprop_namelen(facts->blob, facts->aliases, path,
								(int)word_bytes(path), &bytes);
		if (alias == NULL || bytes < 2 || alias[0] != '/' || alias[bytes - 1] != '\0') {
			return false;
		}
		p->rest = alias;
		p->then = path + word_bytes(path);
	}
	to_next_word(p);
	return true;
}

/** A name without an address is enough (Devicetree v0.4, 2.2.3). */
FPG_INIT static bool names(const struct dt_walk *w, const char *word, size_t bytes)
{
	return strncmp(w->name, word, bytes) == 0 &&
	       (w->name[bytes] == '\0' ||
		(bytes == w->base_name_bytes && memchr(word, '@', bytes) == NULL));
}

/** The walk came to a node: is it the next one on the way down? */
FPG_INIT static void follow(struct dt_console_path *p, const struct dt_walk *w)
{
	const size_t bytes = word_bytes(p->rest);
	if (p->found || (uint32_t)w->depth != p->depth + 1 || p->depth == DT_CONSOLE_DEPTH ||
	    (p->depth != 0 && dt_parent(w)->node != p->node[p->depth - 1]) || bytes == 0 ||
	    !names(w, p->rest, bytes)) {
		return;
	}
	p->node[p->depth++] = w->node;
	p->rest += bytes;
	to_next_word(p);
	p->found = word_bytes(p->rest) == 0;
}

FPG_INIT void dt_collect_console(struct dt_facts *facts, const struct dt_walk *w)
{
	const char *path = facts->chosen.stdout_path;
	if (path == NULL || path[0] != '/') {
		return;
	}
	if (facts->console.rest == NULL && !begin_path(facts, path)) {
		return;
	}
	follow(&facts->console, w);
}

/** For an alias, and where /chosen came after the node. */
FPG_INIT static bool search(struct dt_facts *facts)
{
	struct dt_walk *w = dt_walk_begin(facts->blob);
	if (!begin_path(facts, facts->chosen.stdout_path)) {
		return false;
	}
	while (!facts->console.found && dt_walk_next(w)) {
		follow(&facts->console, w);
	}
	return facts->console.found;
}

FPG_INIT int dt_console(struct dt_facts *facts, struct port_console *console)
{
	const char *path = facts->chosen.stdout_path;
	*console = (struct port_console){ 0 };
	if (path == NULL || path[0] == '\0') {
		return -ENOENT;
	}
	if (!facts->console.found && !search(facts)) {
		dt_warn(facts, facts->chosen.node, "stdout-path \"%s\" names no device", path);
		return -ENOENT;
	}
	struct dt_walk *w = dt_walk_begin(facts->blob);
	if (!dt_walk_down(w, facts->console.node, facts->console.depth)) {
		return -ENOENT;
	}
	return read_node(facts, w, console);
}
