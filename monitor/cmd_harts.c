/* SPDX-License-Identifier: BSD-2-Clause */
/* `harts`: the harts that the device tree describes, which of them run and what they do, or why they do not. */
#include "commands.h"

#include "fpg/core/devicetree.h"
#include "fpg/core/hart.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/port/harts.h"
#include "fpg/port/port.h"

#include <inttypes.h>
#include <string.h>

static const struct dt_facts *known_facts;

void monitor_set_facts(const struct dt_facts *facts)
{
	known_facts = facts;
}

const struct dt_facts *monitor_facts(void)
{
	return known_facts;
}

/** What the table of harts and the device tree say together; either may be missing. */
struct seen {
	uint64_t id;
	const struct hart *hart;
	const struct dt_cpu *cpu;
	bool online;
	const char *why_not;
	size_t stack_used;
	size_t stack_bytes;
};

/** Why a hart cannot run us, or NULL. */
static const char *unfit(const struct dt_cpu *cpu)
{
	return cpu == NULL   ? NULL :
	       !cpu->enabled ? "disabled" :
	       !cpu->has_mmu ? "no MMU" :
	       !cpu->rv64    ? "not rv64" :
			       NULL;
}

/** The paging mode in force; NULL before there are final tables. The device tree's mmu-type says what could be. */
static const char *paging_mode(void)
{
	const struct pt *pt = kernel_pt();
	return pt != NULL ? pt->mode->name : NULL;
}

static void look(struct seen *s)
{
	const struct hart *hart = s->hart;
	bool started = this_hart() != NULL;
	s->online = started ? hart != NULL && (harts_online() & hart_mask_of(hart->index)) :
			      s->id == port_hart_id();
	s->why_not = s->online				   ? NULL :
		     hart != NULL && hart->why_not != NULL ? hart->why_not :
							     unfit(s->cpu);
	if (s->online && hart != NULL && hart->area != NULL) {
		s->stack_used = port_stack_high_water(hart->area, &s->stack_bytes);
	}
}

static int32_t node_of(const struct seen *s)
{
	int32_t nid = s->cpu != NULL ? s->cpu->nid : s->hart != NULL ? s->hart->nid : -1;
	return nid < 0 ? 0 : nid;
}

/** Each hart once: those with an index in its order, then what only the device tree knows. */
static void each_hart(void (*fn)(void *ctx, const struct seen *s), void *ctx)
{
	const struct dt_facts *facts = known_facts;
	const struct hart *hart;
	bool table = this_hart() != NULL;
	for (unsigned int i = 0; table && (hart = hart_by_index(i)) != NULL; i++) {
		struct seen s = { .id = hart->id, .hart = hart };
		s.cpu = facts != NULL ? dt_cpu_of_hart(facts, hart->id) : NULL;
		look(&s);
		fn(ctx, &s);
	}
	bool boot_hart_seen = table;
	for (uint32_t i = 0; facts != NULL && i < facts->cpu_count; i++) {
		struct seen s = { .id = facts->cpus[i].hart, .cpu = &facts->cpus[i] };
		if (table && hart_by_id(s.id) != NULL) {
			continue;
		}
		look(&s);
		boot_hart_seen |= s.online;
		fn(ctx, &s);
	}
	if (!boot_hart_seen) {
		struct seen s = { .id = port_hart_id() };
		look(&s);
		fn(ctx, &s);
	}
}

/* ---- JSON --------------------------------------------------------------------------------------------------- */

static void json_hart(void *ctx, const struct seen *s)
{
	struct json *j = ctx;
	const struct hart *hart = s->hart;
	json_object_begin(j);
	json_kv_u64(j, "hart", s->id);
	if (hart != NULL) {
		json_kv_u64(j, "index", hart->index);
	}
	json_kv_i64(j, "node", node_of(s));
	json_kv_string(j, "isa", s->cpu != NULL ? s->cpu->isa : NULL);
	json_kv_string(j, "mmu_type", s->cpu != NULL ? s->cpu->mmu_type : NULL);
	json_kv_string(j, "unfit", unfit(s->cpu));
	json_kv_string(j, "state", s->online ? "running" : "not started");
	json_kv_string(j, "reason", s->why_not);
	if (s->online && hart != NULL) {
		json_kv_string(j, "doing", __atomic_load_n(&hart->doing, __ATOMIC_RELAXED));
		json_kv_u64(j, "stack_used", s->stack_used);
		json_kv_u64(j, "stack_bytes", s->stack_bytes);
		json_kv_u64(j, "calls", hart->calls);
		json_kv_u64(j, "works", hart->works);
	}
	json_object_end(j);
}

static void json_harts(struct monitor *m)
{
	struct json *j = monitor_json_begin(m);
	const struct hart *boot = this_hart() != NULL ? hart_by_index(0) : NULL;
	json_kv_u64(j, "boot_hart", boot != NULL ? boot->id : port_hart_id());
	json_kv_u64(j, "online", harts_online_count());
	json_kv_string(j, "mode", paging_mode());
	json_key(j, "harts");
	json_array_begin(j);
	each_hart(json_hart, j);
	json_array_end(j);
	monitor_json_end(m);
}

/* ---- text --------------------------------------------------------------------------------------------------- */

static void print_hart(void *ctx, const struct seen *s)
{
	struct out *out = ctx;
	const struct hart *hart = s->hart;
	if (hart != NULL) {
		out_printf(out, "%5u %6" PRIu64 " %4d", hart->index, s->id, node_of(s));
	} else {
		out_printf(out, "%5s %6" PRIu64 " %4d", "-", s->id, node_of(s));
	}
	if (s->online && hart != NULL) {
		out_printf(out, "  %5zu/%-5zu %7" PRIu64 " %6" PRIu64 "  online: %s\n",
			   s->stack_used, s->stack_bytes, hart->calls, hart->works,
			   __atomic_load_n(&hart->doing, __ATOMIC_RELAXED));
	} else if (s->online) {
		out_printf(out, "  %11s %7s %6s  running this\n", "-", "-", "-");
	} else {
		const char *state = hart != NULL ? hart_state_name((enum hart_state)__atomic_load_n(
							   &hart->state, __ATOMIC_RELAXED)) :
						   "not started";
		out_printf(out, "  %11s %7s %6s  %s%s%s\n", "-", "-", "-", state,
			   s->why_not != NULL ? ": " : "", s->why_not != NULL ? s->why_not : "");
	}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/** What each kind of hart can do, once, with the first hart of that kind. */
static void print_kinds(struct out *out)
{
	const struct dt_facts *facts = known_facts;
	for (uint32_t i = 0; facts != NULL && i < facts->cpu_count; i++) {
		const struct dt_cpu *cpu = &facts->cpus[i];
		const struct dt_cpu *before = i != 0 ? cpu - 1 : NULL;
		if (before != NULL && same_text(cpu->isa, before->isa) &&
		    same_text(cpu->mmu_type, before->mmu_type)) {
			continue;
		}
		out_printf(out, "hart %" PRIu64 "%s: isa %s, mmu-type %s\n", cpu->hart,
			   i + 1 < facts->cpu_count ? " and on" : "",
			   cpu->isa != NULL ? cpu->isa : "unknown",
			   cpu->mmu_type != NULL ? cpu->mmu_type : "unknown");
	}
	if (facts == NULL || facts->cpu_count == 0) {
		out_puts(out, "the device tree describes no hart\n");
	}
}

int cmd_harts(struct monitor *m, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (m->json) {
		json_harts(m);
		return 0;
	}
	const char *mode = paging_mode();
	out_puts(m->out, "index   hart node   stack used   calls  works  state\n");
	each_hart(print_hart, m->out);
	print_kinds(m->out);
	out_printf(m->out, "paging mode in use: %s\n", mode != NULL ? mode : "not known");
	return 0;
}
