/* SPDX-License-Identifier: BSD-2-Clause */
/* <errno.h>, and the codes we use that not every C library names; the numbers are Linux's. */
#pragma once

#include <errno.h>

#ifndef EUCLEAN
/** A structure is not as it should be. */
#define EUCLEAN 117
#endif
