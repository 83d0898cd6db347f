/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text for a terminal: nothing that came from a packet or a container can move the cursor, colour, ring or hide. Control
 * characters (C0, DEL, C1), direction overrides, zero-width characters and bytes that are no UTF-8 become '?'. */
#ifndef PG_TOOLS_CLI_TEXT_H
#define PG_TOOLS_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"

/* Call first: reads the locale, to know whether the terminal takes UTF-8. */
void cli_text_init(void);
/* A clean copy, owned by the caller; NULL: no memory. *ret_width: columns it takes. max_width 0: no limit; else longer text is
 * cut and ends in '…' (or "~" without UTF-8). */
char *cli_clean(const char *s, size_t max_width, size_t *ret_width);
void cli_put(FILE *f, const char *s);
/* Writes JSON text as it is, but C1 characters as \u escapes: they stand only inside strings. */
void cli_put_json(FILE *f, const char *s, size_t len);
/* ---- colours: never from what is shown, only around it ---- */
enum cli_color { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_YELLOW, CLI_GREEN };
/* "auto", "always", "never". Auto: standard output is a terminal that has colours (TERM), and NO_COLOR is unset or empty. */
void cli_color_init(const char *when);
/* What begins and ends a colour; "" when there are none. */
const char *cli_color(enum cli_color c);
/* Colour of "critical" … "info". */
enum cli_color cli_color_of_severity(const char *severity);
/* "1.2 MiB"; at most 9 columns. */
const char *cli_bytes(uint64_t n, char buf[16]);
/* Columns of the terminal behind standard output (COLUMNS wins); 0: it is none, do not cut. */
size_t cli_width(void);

/* ---- tables ------------------------------------------------------------------------------------ */
struct cli_column {
	const char *title;
	bool right;    /* numbers */
	size_t least;  /* may be cut down to this width when the terminal is narrow; 0: never cut */
};
struct cli_table;
struct cli_table *cli_table_new(const struct cli_column *columns, size_t n);
/* Adds the next cell, row by row; NULL is "". */
void cli_table_add(struct cli_table *t, const char *cell);
void cli_table_addf(struct cli_table *t, const char *fmt, ...) _printf_(2, 3);
/* Colours the cell that was added last. */
void cli_table_color(struct cli_table *t, enum cli_color c);
/* Writes the table with its head, columns aligned, trailing spaces left out. width as cli_width(). */
void cli_table_write(struct cli_table *t, FILE *f, size_t width);
void cli_table_free(struct cli_table *t);

#endif
