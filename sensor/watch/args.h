/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Argument lists of processes, made fit to be kept and shown: control bytes escaped, what looks like a secret taken out. */
#ifndef PG_SENSOR_WATCH_ARGS_H
#define PG_SENSOR_WATCH_ARGS_H

#include <stddef.h>

#include "sensor/bpf/abi.h"

/* Between arguments in the kept form; cannot be in an argument, since control bytes are escaped there. */
#define ARGS_SEPARATOR '\x1f'
#define ARGS_REDACTED "[redacted]"
/* Enough for any list of PG_ARGS_MAX bytes. */
#define ARGS_TEXT_MAX (PG_ARGS_MAX * 4 + PG_ARGS_MAX * 5 + 64)

/* Control bytes, DEL and the backslash itself as \xNN, so that a text can neither forge a line nor look like another one.
 * Other bytes stay: the writers of output replace what is no UTF-8. Writes at most size - 1 bytes and a NUL; an escape is
 * never cut. Returns the length. */
size_t args_escape(const char *text, size_t len, char *ret, size_t size);

/* A NUL-separated list (the last argument may lack its NUL) in the kept form. Values are replaced by ARGS_REDACTED where
 * their name says password, secret, token or key (NAME=VALUE, --name=VALUE, --name VALUE; not names that end in file, path
 * or dir), after the password options of programs that take them so (mysql -pVALUE, curl -u, redis-cli -a, sshpass -p ...),
 * in URLs (scheme://user:VALUE@), in Authorization, Cookie and API key headers, and where the value itself is of a token's
 * known form (AKIA..., ghp_..., eyJ...). Words within one argument (sh -c "...") are looked at too. By pattern: a secret that
 * looks like an ordinary word stays. size at least ARGS_TEXT_MAX. Returns the length. */
size_t args_redact(const char *raw, size_t len, char *ret, size_t size);

#endif
