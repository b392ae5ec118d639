/* SPDX-License-Identifier: BSD-2-Clause */
/* <errno.h>, the codes we use that not every C library names (the numbers are Linux's), and names for messages. */
#pragma once

#include <errno.h>

#ifndef EUCLEAN
/** A structure is not as it should be. */
#define EUCLEAN 117
#endif

/** "-EINVAL" for -EINVAL (and for EINVAL); "an unknown error" for a code that this project does not use. */
const char *errno_name(int err);
