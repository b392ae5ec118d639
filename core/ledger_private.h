/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ledger's files share. */
#pragma once

#include "fpg/core/ledger.h"

/** For %llu and %llx. */
static inline unsigned long long ull(uint64_t v)
{
	return v;
}

const struct ledger_sources *ledger_sources(void);

/** All but base and size are the same. */
bool ledger_rows_agree(const struct ledger_row *a, const struct ledger_row *b);
