/* SPDX-License-Identifier: BSD-2-Clause */
/* `harts`: the harts that the device tree describes, and the one this runs on. */
#include "commands.h"

#include "fpg/core/devicetree.h"
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

static void json_harts(struct monitor *m, const struct dt_facts *facts)
{
	struct json *j = monitor_json_begin(m);
	json_kv_u64(j, "boot_hart", port_hart_id());
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
		json_object_end(j);
	}
	json_array_end(j);
	monitor_json_end(m);
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
		const struct dt_cpu *cpu = &facts->cpus[i];
		const char *why = unfit(cpu);
		out_printf(m->out, "hart %llu: node %d, %s, %s%s%s%s\n",
			   (unsigned long long)cpu->hart, cpu->nid < 0 ? 0 : cpu->nid,
			   cpu->isa != NULL ? cpu->isa : "isa unknown",
			   cpu->mmu_type != NULL ? cpu->mmu_type : "mmu unknown",
			   why != NULL ? ", " : "", why != NULL ? why : "",
			   cpu->hart == port_hart_id() ? ", this one" : "");
	}
	if (facts == NULL || facts->cpu_count == 0) {
		out_printf(m->out, "hart %llu: this one; the device tree describes none\n",
			   (unsigned long long)port_hart_id());
	}
	return 0;
}
