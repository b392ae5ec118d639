/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tree says about the rest of the machine: /chosen, cpus, NUMA distances, how to end it, the console. */
#define LOG_MODULE "dt"
#include "dt_walk.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

/** Distance of a node to itself; also the least one. Source: ACPI 6.5, 5.2.17 (SLIT), which the binding follows. */
#define LOCAL_DISTANCE 10

/* ---- /chosen ----------------------------------------------------------------------------------------------- */

/** A string property; warned about and NULL when it is not terminated. */
FPG_INIT static const char *checked_string(struct dt_facts *facts, const struct dt_walk *w,
					   enum dt_prop p, const char *name)
{
	const char *s = dt_string(w, p);
	/* An empty property is an empty string to most boot loaders. */
	if (s == NULL && dt_has(w, p) && w->props[p].bytes != 0) {
		dt_warn(facts, w->node, "%s is not a terminated string: ignored", name);
	}
	return s;
}

FPG_INIT static void collect_initrd(struct dt_facts *facts, const struct dt_walk *w)
{
	uint64_t start;
	uint64_t end;
	if (!dt_has(w, P_INITRD_START) && !dt_has(w, P_INITRD_END)) {
		return;
	}
	if (!dt_has(w, P_INITRD_START) || !dt_has(w, P_INITRD_END)) {
		dt_warn(facts, w->node,
			"only one of linux,initrd-start and linux,initrd-end: no initrd");
		return;
	}
	if (!dt_number(w, P_INITRD_START, &start) || !dt_number(w, P_INITRD_END, &end)) {
		dt_warn(facts, w->node,
			"linux,initrd-start of %" PRIu32 " and -end of %" PRIu32
			" bytes are no addresses: no initrd",
			w->props[P_INITRD_START].bytes, w->props[P_INITRD_END].bytes);
		return;
	}
	if (start > end) {
		dt_warn(facts, w->node,
			"linux,initrd-start %#" PRIx64 " lies after linux,initrd-end %#" PRIx64
			": no initrd",
			start, end);
		return;
	}
	facts->chosen.initrd = (struct phys_range){ start, end - start };
}

/** Insert into the sorted, disjoint list; ranges that touch become one. */
FPG_INIT static void add_usable(struct dt_chosen *chosen, struct phys_range add)
{
	uint32_t kept = 0;
	uint32_t place = 0;
	for (uint32_t i = 0; i < chosen->usable_count; i++) {
		struct phys_range r = chosen->usable[i];
		if (r.base <= phys_range_end(add) && add.base <= phys_range_end(r)) {
			phys_addr_t end = phys_range_end(r) > phys_range_end(add) ?
						  phys_range_end(r) :
						  phys_range_end(add);
			add.base = r.base < add.base ? r.base : add.base;
			add.size = end - add.base;
			continue;
		}
		chosen->usable[kept++] = r;
		if (r.base < add.base) {
			place = kept;
		}
	}
	memmove(&chosen->usable[place + 1], &chosen->usable[place],
		(kept - place) * sizeof(chosen->usable[0]));
	chosen->usable[place] = add;
	chosen->usable_count = kept + 1;
}

FPG_INIT static void collect_usable(struct dt_facts *facts, const struct dt_walk *w)
{
	struct dt_tuples t = dt_tuples(&w->levels[0], w->props[P_USABLE_RANGE]);
	struct phys_range range;
	int got;
	uint32_t bytes = dt_tuple_bytes(&t);
	if (bytes == 0 || t.value.bytes == 0 || t.value.bytes % bytes != 0) {
		dt_warn(facts, w->node,
			"linux,usable-memory-range of %" PRIu32
			" bytes is no list of ranges of %" PRIu32,
			t.value.bytes, bytes);
	}
	while ((got = dt_tuple_next(&t, &range.base, &range.size)) != 0) {
		if (got < 0 || range.size == 0) {
			continue;
		}
		range.size = phys_cap_size(range.base, range.size);
		if (facts->chosen.usable_count == DT_MAX_USABLE_RANGES) {
			dt_warn(facts, w->node,
				"linux,usable-memory-range: more than %d ranges, the rest is ignored",
				DT_MAX_USABLE_RANGES);
			break;
		}
		add_usable(&facts->chosen, range);
	}
}

FPG_INIT void dt_collect_chosen(struct dt_facts *facts, const struct dt_walk *w)
{
	struct dt_chosen *chosen = &facts->chosen;
	if (chosen->node >= 0) {
		dt_warn(facts, w->node, "a second /chosen: ignored");
		return;
	}
	chosen->node = w->node;
	chosen->bootargs = checked_string(facts, w, P_BOOTARGS, "bootargs");
	enum dt_prop out = dt_has(w, P_STDOUT_PATH) ? P_STDOUT_PATH : P_LINUX_STDOUT;
	chosen->stdout_path = checked_string(facts, w, out, "stdout-path");
	if (dt_has(w, P_RNG_SEED)) {
		chosen->rng_seed = w->props[P_RNG_SEED].data;
		chosen->rng_seed_bytes = w->props[P_RNG_SEED].bytes;
	}
	collect_initrd(facts, w);
	if (dt_has(w, P_USABLE_RANGE)) {
		collect_usable(facts, w);
	}
}

int32_t dt_stdout_node(const struct dt_facts *facts)
{
	const char *path = facts->chosen.stdout_path;
	if (path == NULL || path[0] == '\0') {
		return -ENOENT;
	}
	/* What follows a colon is for the driver ("115200n8"). An alias needs no slash in front. */
	int node = fdt_path_offset_namelen(facts->blob, path, (int)strcspn(path, ":"));
	return node < 0 ? -ENOENT : node;
}

/* ---- cpus -------------------------------------------------------------------------------------------------- */

const struct dt_cpu *dt_cpu_of_hart(const struct dt_facts *facts, uint64_t hart)
{
	for (uint32_t i = 0; i < facts->cpu_count; i++) {
		if (facts->cpus[i].hart == hart) {
			return &facts->cpus[i];
		}
	}
	return NULL;
}

FPG_INIT static bool cpu_hart(const struct dt_walk *w, uint64_t *hart)
{
	uint32_t cells = dt_parent(w)->address_cells;
	if (!dt_has(w, P_REG) || cells == DT_BAD_CELLS) {
		return false;
	}
	const struct dt_value *reg = &w->props[P_REG];
	if (dt_parent(w)->cells_absent) {
		/* Without cells the length of the only entry tells. */
		cells = reg->bytes / (uint32_t)sizeof(fdt32_t);
	}
	return cells != 0 && cells <= 2 && reg->bytes >= cells * sizeof(fdt32_t) &&
	       dt_cells(reg->data, cells, hart);
}

FPG_INIT void dt_collect_cpu(struct dt_facts *facts, const struct dt_walk *w)
{
	const char *type = dt_string(w, P_DEVICE_TYPE);
	uint64_t hart;
	/* cpu-map, cache and idle-states nodes live here, too. */
	if (type != NULL ? strcmp(type, "cpu") != 0 : !dt_named(w, "cpu")) {
		return;
	}
	facts->cpus_found++;
	if (!cpu_hart(w, &hart)) {
		dt_warn(facts, w->node, "cpu without a sound reg: ignored");
		return;
	}
	if (dt_cpu_of_hart(facts, hart) != NULL) {
		dt_warn(facts, w->node, "hart %" PRIu64 " was described before: ignored", hart);
		return;
	}
	if (facts->cpu_count == DT_MAX_HARTS) {
		dt_warn(facts, w->node, "more than %d harts: hart %" PRIu64 " is ignored",
			DT_MAX_HARTS, hart);
		return;
	}
	struct dt_cpu *cpu = &facts->cpus[facts->cpu_count++];
	const char *base = dt_string(w, P_ISA_BASE);
	cpu->hart = hart;
	cpu->node = w->node;
	cpu->nid = dt_numa_node(facts, w);
	cpu->enabled = dt_enabled(w);
	cpu->mmu_type = dt_string(w, P_MMU_TYPE);
	cpu->has_mmu = cpu->mmu_type != NULL && strcmp(cpu->mmu_type, "riscv,none") != 0;
	cpu->isa = dt_has(w, P_ISA) ? dt_string(w, P_ISA) : base;
	cpu->rv64 = (cpu->isa != NULL && strncmp(cpu->isa, "rv64", 4) == 0) ||
		    (base != NULL && strncmp(base, "rv64", 4) == 0);
	cpu->isa_extensions = dt_string(w, P_ISA_EXTENSIONS);
	cpu->isa_extensions_bytes = cpu->isa_extensions != NULL ? w->props[P_ISA_EXTENSIONS].bytes :
								  0;
}

/* ---- NUMA distances ---------------------------------------------------------------------------------------- */

FPG_INIT static bool set_distance(struct dt_facts *facts, uint32_t from, uint32_t to,
				  uint32_t distance)
{
	if (from >= DT_MAX_NUMA_NODES || to >= DT_MAX_NUMA_NODES || distance > UINT8_MAX ||
	    distance < LOCAL_DISTANCE || (from == to) != (distance == LOCAL_DISTANCE)) {
		return false;
	}
	facts->distance[from][to] = (uint8_t)distance;
	if (facts->distance[to][from] == 0) {
		/* Symmetric unless the other direction is given, too. */
		facts->distance[to][from] = (uint8_t)distance;
	}
	return true;
}

FPG_INIT void dt_collect_distances(struct dt_facts *facts, const struct dt_walk *w)
{
	if (!dt_is_compatible(w, "numa-distance-map-v1")) {
		return;
	}
	if (!dt_has(w, P_DISTANCE_MATRIX) || facts->has_distances) {
		dt_warn(facts, w->node, "%s: ignored",
			facts->has_distances ? "a second distance map" : "no distance-matrix");
		return;
	}
	const struct dt_value *v = &w->props[P_DISTANCE_MATRIX];
	const uint32_t entry = 3 * sizeof(fdt32_t);
	if (v->bytes % entry != 0) {
		dt_warn(facts, w->node,
			"distance-matrix of %" PRIu32 " bytes is no list of three cells each",
			v->bytes);
	}
	for (uint32_t at = 0; at + entry <= v->bytes; at += entry) {
		const fdt32_t *cell = (const fdt32_t *)(v->data + at);
		uint32_t from = fdt32_ld(cell);
		uint32_t to = fdt32_ld(cell + 1);
		uint32_t distance = fdt32_ld(cell + 2);
		if (!set_distance(facts, from, to, distance)) {
			dt_warn(facts, w->node,
				"distance-matrix: %" PRIu32 " to %" PRIu32 " is %" PRIu32
				"? ignored",
				from, to, distance);
		}
	}
	facts->has_distances = true;
}

/* ---- how to end the machine -------------------------------------------------------------------------------- */

FPG_INIT void dt_collect_poweroff(struct dt_facts *facts, const struct dt_walk *w)
{
	if (!dt_here(w)->enabled) {
		return;
	}
	if (dt_is_compatible(w, "ucb,htif0")) {
		facts->poweroff.htif = true;
	}
	if (facts->poweroff.sifive_test != 0 || !dt_has(w, P_REG) ||
	    !(dt_is_compatible(w, "sifive,test0") || dt_is_compatible(w, "sifive,test1"))) {
		return;
	}
	struct dt_tuples t = dt_tuples(dt_parent(w), w->props[P_REG]);
	uint64_t base;
	uint64_t size;
	if (dt_tuple_next(&t, &base, &size) != 1 || !dt_translate(w, w->depth - 1, &base, size) ||
	    !IS_ALIGNED(base, 4)) {
		dt_warn(facts, w->node,
			"reg is no address of the CPU: not used to end the machine");
		return;
	}
	facts->poweroff.sifive_test = base;
}
