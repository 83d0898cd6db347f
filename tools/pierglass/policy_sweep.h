/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way out that needs no sensor: removes every table named "pierglass", in this namespace, in those of all processes, and in
 * the overlay sandboxes that engines keep. */
#ifndef PG_TOOLS_POLICY_SWEEP_H
#define PG_TOOLS_POLICY_SWEEP_H

/* 0 or -errno: -EPERM without root. */
int policy_sweep(unsigned *ret_tables, unsigned *ret_namespaces);

#endif
