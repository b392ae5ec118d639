/* SPDX-License-Identifier: BSD-2-Clause */
/* A host cannot run the programs: there are none. */
#include "fpg/pagetable/user.h"

const struct user_program user_programs[] = { { 0 } };
