/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_TOOLS_SCAN_STACK_H
#define PG_TOOLS_SCAN_STACK_H

#include <jansson.h>

/* Prints a stack (scan --compose) for a person: its services, and who is to call whom. */
void scan_show_stack(const json_t *root);

#endif
