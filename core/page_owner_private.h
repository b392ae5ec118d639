/* SPDX-License-Identifier: BSD-2-Clause */
/* Between page_owner and the front end's hooks. */
#pragma once

/** The records are gone; page_owner is off. For tests that start over. */
void page_owner_forget(void);
