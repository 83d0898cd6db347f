/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *log_program = "pierglass";
static enum log_level log_limit = LOG_LVL_INFO;

void log_init(const char *program, enum log_level max)
{
	log_program = program;
	log_limit = max;
}

enum log_level log_max_level(void)
{
	return log_limit;
}

void log_msg(enum log_level lvl, const char *fmt, ...)
{
	static const char *const tag[LOG_LVL_MAX] = {
		[LOG_LVL_ERROR] = "error: ",
		[LOG_LVL_WARN] = "warning: ",
		[LOG_LVL_INFO] = "",
		[LOG_LVL_DEBUG] = "debug: ",
	};
	char line[1024];
	int saved = errno, n, head;
	va_list ap;

	if (lvl > log_limit)
		return;
	head = snprintf(line, sizeof(line), "%s: %s", log_program, tag[lvl]);
	if (head < 0 || head >= (int)sizeof(line) - 2)
		return;
	va_start(ap, fmt);
	errno = saved;
	n = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	n += head;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	for (int i = head; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	/* One write per line keeps lines of several programs whole. A full pipe or closed stderr loses the line only. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		errno = saved;
	errno = saved;
}
