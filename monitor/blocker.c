/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in the way of a frame, in JSON: for commands about CMA areas and compaction. */
#include "commands.h"

#include "fpg/core/migrate.h"

void monitor_json_blocker(struct json *j, const struct migrate_blocker *b)
{
	if (b->reason == MIGRATE_REASON_NONE) {
		return;
	}
	json_key(j, "blocker");
	json_object_begin(j);
	json_kv_u64(j, "pfn", b->frame.n);
	json_kv_string(j, "reason", migrate_reason_text(b->reason));
	json_kv_string(j, "owner", b->owner);
	json_kv_string(j, "type", migratetype_name((enum migratetype)b->type));
	json_kv_u64(j, "order", b->order);
	json_kv_u64(j, "refs", b->refs);
	if (b->pinned_since_known) {
		json_kv_u64(j, "pinned_seconds", b->pinned_since);
	}
	json_object_end(j);
}
