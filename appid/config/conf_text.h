/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shapes that configuration languages share: lines, words, "key value", and trees of blocks, YAML and XML. All cut up the file's
 * text in place. Iterators call conf_tick(): reading a file ends when time is over. */
#ifndef PG_APPID_CONFIG_CONF_TEXT_H
#define PG_APPID_CONFIG_CONF_TEXT_H

#include "appid/config/conf.h"

/* ---- lines ---------------------------------------------------------------------------------------------------- */
struct conf_lines {
	struct conf *c;
	struct conf_file *f;
	bool join;     /* a backslash at the end joins the next line */
	bool fold;     /* a line that begins with a blank continues the one before */
	char *next;    /* NULL at first */
	unsigned line; /* of the current one, its first if joined */
	char *text;    /* without blanks at both ends */
	unsigned count; /* lines taken */
};
bool conf_line(struct conf_lines *l);

char *conf_trim(char *s);
/* Takes off one pair of quotes (" or ') around the whole. */
char *conf_unquote(char *s);
/* Cuts at the first of chars that stands at the beginning or behind a blank, outside of quotes. */
void conf_cut_comment(char *s, const char *chars);
/* Words of a line, "…" and '…' taken as one with their quotes off, \ escapes outside of '…'; comments: characters that end the line where
 * a word would begin. Returns how many; argv holds CONF_WORDS and ends with NULL. */
unsigned conf_words(struct conf *c, const char *line, const char *comments, const char **argv);
/* Parts of a list, cut at any of seps and blanks, without empty ones. As above. */
unsigned conf_split_list(struct conf *c, const char *list, const char *seps, const char **argv);
bool conf_is_yes(const char *value); /* yes, true, on, 1, enable(d); letters of any case */
bool conf_is_no(const char *value);
/* ${NAME}, and $NAME if bare is set, from env; what is not in it stays. */
const char *conf_expand(struct conf *c, const char *s, const struct conf_var *env, bool bare);

/* ---- key and value ----------------------------------------------------------------------------------------------- */
struct conf_kv {
	struct conf_lines lines;
	const char *comments; /* begin a comment at the head of a line */
	const char *trailing; /* begin one behind a blank; NULL: none */
	const char *seps;     /* what parts key and value; a blank in it: any blanks, then one of the others */
	bool sections;	      /* [name] lines */
	const char *section;  /* "" before the first */
	unsigned section_line;
	bool section_begins;  /* this one is the line of a section: key and value are NULL */
	char *key, *value;    /* value "" if none; quotes are still there */
	const char *at;
};
bool conf_kv_next(struct conf_kv *k);

/* ---- trees ---------------------------------------------------------------------------------------------------------- */
struct conf_node {
	const char *name;	/* key, element, first word; NULL: item of a list */
	const char *value;	/* YAML scalar, XML text; blocks: NULL */
	const char **words;	/* blocks: all words with the first; XML: name, value, name, value… of attributes */
	unsigned count;		/* of words */
	bool block;		/* blocks: has braces */
	struct conf_node *children, *next;
	struct conf_file *file;
	unsigned line;
};
/* NULL: not that format (said in unread[]), or empty. */
struct conf_node *conf_yaml(struct conf *c, struct conf_file *f);
struct conf_node *conf_xml(struct conf *c, struct conf_file *f);

enum conf_block_flags {
	CONF_BLOCK_LINES = 1,	   /* the end of a line ends a statement, as ';' does otherwise */
	CONF_BLOCK_SLASHES = 2,	   /* C and C++ comments besides # */
	CONF_BLOCK_SINGLE = 4,	   /* ' quotes too */
	CONF_BLOCK_EQUALS = 8,	   /* '=' is a word of its own */
};
struct conf_node *conf_blocks(struct conf *c, struct conf_file *f, unsigned flags);

/* Looks "a.b.c" up, where a key may itself have dots ("http.port: 1" and "http: {port: 1}"). The last one counts. NULL: not there. */
const struct conf_node *conf_node_find(const struct conf_node *n, const char *path);
const char *conf_node_value(const struct conf_node *n, const char *path);
const char *conf_node_attr(const struct conf_node *n, const char *name);
const char *conf_node_at(struct conf *c, const struct conf_node *n);
/* A scalar as one, a list as its scalars, "a, b" cut at commas. As conf_words(). */
unsigned conf_node_list(struct conf *c, const struct conf_node *n, const char **argv);

#endif
