/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed between two answers of "pierglass scan --json". */
#ifndef PG_TOOLS_SCAN_DRIFT_H
#define PG_TOOLS_SCAN_DRIFT_H

#include <jansson.h>

/* A list of {"change": "added" | "removed", "what", "source"} (owned by the caller), empty: nothing of what the application does
 * changed. Where a thing is declared, and files that change nothing of it, are no drift. NULL: no memory. */
json_t *scan_drift(const json_t *before, const json_t *now);

#endif
