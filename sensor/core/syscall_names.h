/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of system calls, from libseccomp's tables. */
#ifndef PG_SENSOR_CORE_SYSCALL_NAMES_H
#define PG_SENSOR_CORE_SYSCALL_NAMES_H

#include <stdint.h>

/* arch: enum pg_arch, nr: number in its table (x32 without bit 30). "" for a number that has no name. Static storage. */
const char *syscall_name(uint8_t arch, uint16_t nr);

#endif
