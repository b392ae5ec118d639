/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of owners, stages and rules, and the stage the boot is in. */
#include "fpg/core/owner.h"

#include "fpg/core/boot_phase.h"

enum boot_stage boot_stage_now;

void boot_stage_set(enum boot_stage stage)
{
	boot_phase_change(boot_stage_get());
	boot_stage_now = stage;
}

enum boot_stage boot_stage_get(void)
{
	return boot_stage_now;
}

const char *boot_stage_name(enum boot_stage stage)
{
	static const char *const names[] = {
#define X(id, name) [id] = name,
		BOOT_STAGES(X)
#undef X
	};

	return (unsigned int)stage < STAGE_COUNT ? names[stage] : "?";
}

const char *owner_kind_name(enum owner_kind kind)
{
	static const char *const names[] = {
#define X(id, name) [id] = name,
		OWNER_KINDS(X)
#undef X
	};

	return (unsigned int)kind < OWNER_KIND_COUNT ? names[kind] : "?";
}

const char *owner_rule_text(enum owner_rule rule)
{
	static const char *const texts[] = {
#define X(id, text) [id] = text,
		OWNER_RULES(X)
#undef X
	};

	return (unsigned int)rule < RULE_COUNT ? texts[rule] : "?";
}
