/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to platform/boards/: the boards that are known, one file each. A new one is its file and a line here. */
#pragma once

#include "fpg/port/board.h"

/* X(name): board_<name> in <name>.c */
#define BOARDS(X) \
	X(jh7100) \
	X(jh7110)

#define X(name) extern const struct port_board board_##name;
BOARDS(X)
#undef X
