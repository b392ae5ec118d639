/* SPDX-License-Identifier: BSD-2-Clause */
/* Which board this is, by the root's compatible. */
#include "boards.h"

#include <string.h>

static const struct port_board *const boards[] = {
#define X(name) &board_##name,
	BOARDS(X)
#undef X
};

const struct port_board *port_board_find(const char *compatible, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += strlen(compatible + at) + 1) {
		for (size_t i = 0; i < sizeof(boards) / sizeof(boards[0]); i++) {
			if (strcmp(compatible + at, boards[i]->compatible) == 0) {
				return boards[i];
			}
		}
	}
	return NULL;
}
