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

FPG_INIT int dt_console(struct dt_facts *facts, struct dt_console *console)
{
	*console = (struct dt_console){ .node = dt_stdout_node(facts) };
	const char *path = facts->chosen.stdout_path;
	if (console->node < 0) {
		console->node = -1;
		if (path != NULL && path[0] != '\0') {
			dt_warn(facts, facts->chosen.node, "stdout-path \"%s\" names no node",
				path);
		}
		return -ENOENT;
	}
	const char *colon = strchr(path, ':');
	console->options = colon != NULL && colon[1] != '\0' ? colon + 1 : NULL;
	struct dt_walk *w = dt_walk_begin(facts->blob);
	while (dt_walk_next(w)) {
		if (w->node == console->node) {
			return read_node(facts, w, &console->port);
		}
	}
	dt_warn(facts, console->node, "lies too deep in the tree: not the console");
	return -EINVAL;
}
