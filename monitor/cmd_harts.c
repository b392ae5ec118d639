/* SPDX-License-Identifier: BSD-2-Clause */
/* `harts`: the harts that the device tree describes, what runs on them, and the paging mode in use. */
#include "commands.h"

#include "fpg/core/devicetree.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/port/port.h"

static const struct dt_facts *known_facts;

void monitor_set_facts(const struct dt_facts *facts)
{
	known_facts = facts;
}

const struct dt_facts *monitor_facts(void)
{
	return known_facts;
}

/** Why a hart cannot run us, or NULL. */
static const char *unfit(const struct dt_cpu *cpu)
{
	return !cpu->enabled ? "disabled" :
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

static const char *hart_state(const struct dt_cpu *cpu)
{
	return cpu->hart == port_hart_id() ? "running" : "not started";
}

static void json_harts(struct monitor *m, const struct dt_facts *facts)
{
	struct json *j = monitor_json_begin(m);
	json_kv_u64(j, "boot_hart", port_hart_id());
	json_kv_string(j, "mode", paging_mode());
	json_key(j, "harts");
	json_array_begin(j);
	for (uint32_t i = 0; facts != NULL && i < facts->cpu_count; i++) {
		const struct dt_cpu *cpu = &facts->cpus[i];
		json_object_begin(j);
		json_kv_u64(j, "hart", cpu->hart);
		json_kv_i64(j, "node", cpu->nid);
		json_kv_string(j, "isa", cpu->isa);
		json_kv_string(j, "mmu_type", cpu->mmu_type);
		json_kv_string(j, "unfit", unfit(cpu));
		json_kv_string(j, "state", hart_state(cpu));
		json_object_end(j);
	}
	json_array_end(j);
	monitor_json_end(m);
}

static void print_hart(struct out *out, const struct dt_cpu *cpu)
{
	const char *why = unfit(cpu);
	out_printf(out, "hart %llu: node %d, isa %s, mmu-type %s", (unsigned long long)cpu->hart,
		   cpu->nid < 0 ? 0 : cpu->nid, cpu->isa != NULL ? cpu->isa : "unknown",
		   cpu->mmu_type != NULL ? cpu->mmu_type : "unknown");
	if (cpu->hart == port_hart_id()) {
		const char *mode = paging_mode();
		out_printf(out, ", running this, paging mode in use %s",
			   mode != NULL ? mode : "not known");
	} else {
		out_puts(out, ", not started");
	}
	if (why != NULL) {
		out_printf(out, " (%s)", why);
	}
	out_puts(out, "\n");
}

int cmd_harts(struct monitor *m, int argc, char **argv)
{
	const struct dt_facts *facts = monitor_facts();
	(void)argc;
	(void)argv;
	if (m->json) {
		json_harts(m, facts);
		return 0;
	}
	for (uint32_t i = 0; facts != NULL && i < facts->cpu_count; i++) {
		print_hart(m->out, &facts->cpus[i]);
	}
	if (facts == NULL || facts->cpu_count == 0) {
		out_printf(m->out, "hart %llu: running this; the device tree describes none\n",
			   (unsigned long long)port_hart_id());
	}
	return 0;
}
