/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the page-table core never confuses levels: everything test_pagetable.c proves, with
 * the core compiled over an encoding whose entries differ at each level.
 */
#define FPG_PTE_HEADER "pte_fake.h"

/* The core's own objects stay out of the link: all that they define is defined here. */
#include "../../pagetable/change.c" /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/hide.c"   /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/map.c"    /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/pt.c"	    /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/share.c"  /* NOLINT(bugprone-suspicious-include) */
#include "../../pagetable/walk.c"   /* NOLINT(bugprone-suspicious-include) */
#include "test_pagetable.c"	    /* NOLINT(bugprone-suspicious-include) */
