/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocators' metadata from the vmalloc window. */
#pragma once

/** From now on; once there is a window. */
void palloc_meta_start(void);
