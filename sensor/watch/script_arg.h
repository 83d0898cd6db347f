/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which script an interpreter was told to run: "sh -e run.sh", "python3 -W ignore app.py". Pure; the arguments are hostile. */
#ifndef PG_SENSOR_WATCH_SCRIPT_ARG_H
#define PG_SENSOR_WATCH_SCRIPT_ARG_H

#include <stdbool.h>
#include <stddef.h>

/* exe: path of the program, exe_len bytes. args: as at exec, each with its NUL; whole: the last one is not cut. Knows the shells,
 * Python, Perl, Ruby, Node and PHP by the program's name, and BusyBox's shell. Returns the length of the script's name as it
 * stands there and where it begins (in args). 0: no such program, none is run (-c, standard input, a module), or an option
 * leads elsewhere or is not known: better none than a wrong one. */
size_t script_arg(const char *exe, size_t exe_len, const char *args, size_t args_len, bool whole, const char **ret);

/* The script lies where the image's programs are, by its absolute path: what is written there is a finding already. */
bool script_is_with_programs(const char *path);
/* The text (a word of a start command, or all of a health check) names that script as one of its words, a relative one also by the
 * last part of a path. */
bool script_is_named_in(const char *script, const char *text);

#endif
