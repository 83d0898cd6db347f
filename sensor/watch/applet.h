/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that are many in one file (busybox, toybox): which of them one is, its first argument says. Pure. */
#ifndef PG_SENSOR_WATCH_APPLET_H
#define PG_SENSOR_WATCH_APPLET_H

#include <stdbool.h>
#include <stddef.h>

/* The program's name for models: exe, or "exe (applet)". args in the kept form of args.h. ret holds len bytes; returns ret. */
char *applet_name(const char *exe, const char *args, char *ret, size_t len);
/* Length of the name without its applet. len as a fact's fields have it. */
size_t applet_exe_len(const char *name, size_t len);
/* The same program, as far as both are known: of one whose arguments nobody saw, the applet is not. Lengths as a fact's fields have them. */
bool applet_same(const char *a, size_t a_len, const char *b, size_t b_len);

/* One of many whose arguments nobody saw: which it is, is not known. */
bool applet_is_unknown(const char *name);
/* The file that an interpreter (a shell, Python, Perl, Ruby, PHP, Lua, Node) was started to run: script is what the kernel says of
 * one that was executed itself ("" none), else the first argument that is no option. False: no interpreter, or what it runs stands
 * in its arguments (-c, -e), is a module or comes by its standard input. args in the kept form. ret is untouched then. */
bool applet_script(const char *exe, const char *args, const char *script, char *ret, size_t len);

#endif
