/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logging to standard error, one line a message: "pierglass-core: <text>". Any thread. Control bytes in the text are
 * replaced, so that a hostile name cannot forge a line. Library code logs at debug only; the caller that knows what a
 * failure means logs it once. A non-fatal failure ends with ", ignoring: …". */
#ifndef PG_BASE_LOG_H
#define PG_BASE_LOG_H

#include "base/cleanup.h"

enum log_level { LOG_LVL_ERROR, LOG_LVL_WARN, LOG_LVL_INFO, LOG_LVL_DEBUG, LOG_LVL_MAX };

/* Name shown before each line (not copied) and the least important level that is printed. Call once, before threads. */
void log_init(const char *program, enum log_level max);
enum log_level log_max_level(void);
void log_msg(enum log_level lvl, const char *fmt, ...) _printf_(2, 3);

#define log_error(...) log_msg(LOG_LVL_ERROR, __VA_ARGS__)
#define log_warn(...) log_msg(LOG_LVL_WARN, __VA_ARGS__)
#define log_info(...) log_msg(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...)                                         \
	do {                                                   \
		if (log_max_level() >= LOG_LVL_DEBUG)          \
			log_msg(LOG_LVL_DEBUG, __VA_ARGS__);   \
	} while (0)

#endif
