/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_INTEL_GEO_MAIN_H
#define PG_INTEL_GEO_MAIN_H

/* "pierglass-inspect geo [--json] {FD NAME}... -- ADDRESS...", started by "pierglass feed check ADDRESS --geo FILE": what
 * databases say of addresses. Exit: 0 all are in one, 1 not all, 2 usage, 4 a database is broken. */
int geo_main(int argc, char **argv);

#endif
