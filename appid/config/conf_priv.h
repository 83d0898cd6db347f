/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of struct conf, for conf*.c only. */
#ifndef PG_APPID_CONFIG_CONF_PRIV_H
#define PG_APPID_CONFIG_CONF_PRIV_H

#include "appid/config/conf.h"

struct conf_block {
	struct conf_block *next;
	size_t used, size;
	char data[];
};

struct conf_listener {
	const char *l4, *address, *app, *source;
	unsigned port;
	struct conf_listener *next;
};

struct conf_target {
	const char *kind, *target, *app, *source;
	struct conf_target *next;
};

struct conf_placed {
	const char *role, *path, *source;
	struct conf_package *package; /* conf_package.h; NULL: none is known */
	struct conf_placed *next;
};

struct conf_said {
	const char *what, *why; /* notes have no what */
	struct conf_said *next;
};

/* A file that was read or looked for, or a directory that was listed ("/" at its end): what changes in them changes the answer. */
struct conf_watched {
	const char *path;
	struct conf_watched *next;
};

/* A line of a configuration file that is no comment. */
struct conf_line {
	const char *path, *word; /* its first word */
	unsigned number;	 /* 0: all lines of the file beyond the limit */
	uint64_t hash;		 /* of the text, blanks folded */
	struct conf_line *next;
};

struct conf {
	struct conf_fs fs;
	uint64_t (*now_ns)(void);
	uint64_t deadline_ns;
	struct conf_block *blocks;
	size_t memory;
	char *scratch; /* CONF_FILE_BYTES, once a file was read */
	unsigned ticks;
	jmp_buf *leave;
	const char *left_because;
	void (*owned_free)(void *);
	void *owned;

	unsigned files;
	size_t files_bytes;
	struct conf_listener *listeners, **listeners_end;
	struct conf_target *targets, **targets_end;
	struct conf_placed *places, **places_end;
	struct conf_said *notes, **notes_end, *unread, **unread_end;
	struct conf_watched *watched, **watched_end;
	struct conf_line *lines, **lines_end;
	bool watching; /* watched and lines are wanted */
	unsigned watched_count, line_count;
	unsigned listener_count, target_count, place_count, note_count, unread_count;
	const char *app, *main_app, *version;
	const char *hosts, *services; /* text of /etc/hosts, /etc/services once asked for; "" if absent */
};

/* conf_watch.c; do nothing unless c->watching. */
void conf_watch_file(struct conf *c, const char *path, const char *role);
void conf_watch_dir(struct conf *c, const char *dir);
void conf_watch_lines(struct conf *c, const struct conf_file *f, const char *role);

#endif
