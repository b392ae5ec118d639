/* SPDX-License-Identifier: BSD-2-Clause */
/* Notes of a load on the host. */
#pragma once

#include "frag.h"

void *frag_host_notes(size_t bytes);
void frag_host_notes_free(const void *notes);
