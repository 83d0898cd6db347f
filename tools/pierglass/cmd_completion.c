/* SPDX-License-Identifier: GPL-2.0-or-later */
/* completion: scripts for bash and zsh, made from the tables of commands and options. */
#include <stdio.h>
#include <string.h>

#include "tools/pierglass/cli.h"

/* What follows a command, where that is a word of a few. */
static const struct {
	const char *command, *words;
} first_words[] = {
	{ "model", "list show lock reopen accept export import" },
	{ "feed", "list check test" },
	{ "completion", "bash zsh" },
	{ NULL, NULL },
};
/* Commands that take files or directories. */
static const char files_after[] = " replay scan ";

static const char *words_after(const char *command)
{
	for (size_t i = 0; first_words[i].command; i++)
		if (!strcmp(first_words[i].command, command))
			return first_words[i].words;
	return "";
}

static bool takes(const struct cli_command *c, const struct cli_option *o)
{
	return !o->letter || strchr(c->options, o->letter);
}

/* "--json --run …" of one command, and its first words. */
static void put_words(const struct cli_command *c)
{
	fputs(words_after(c->name), stdout);
	for (const struct cli_option *o = cli_option_table(); o->name; o++)
		if (takes(c, o))
			printf(" %s", o->name);
}

static void put_commands(void)
{
	for (const struct cli_command *c = cli_commands(); c->name; c++)
		printf("%s%s", c == cli_commands() ? "" : " ", c->name);
}

/* One branch per kind of value: what may follow "--option". */
static void put_values(const char *dirs, const char *files, const char *before, const char *after)
{
	for (const struct cli_option *o = cli_option_table(); o->name; o++) {
		if (!o->words)
			continue;
		printf("\t%s%s%s) ", o->name, o->short_name ? "|" : "", o->short_name ? o->short_name : "");
		if (!strcmp(o->words, "DIR"))
			fputs(dirs, stdout);
		else if (!strcmp(o->words, "FILE"))
			fputs(files, stdout);
		else
			printf("%s%s%s", before, o->words, after);
		puts("; return;;");
	}
}

static void bash(void)
{
	puts("# bash completion for pierglass: source this, or put it in /usr/share/bash-completion/completions/pierglass\n"
	     "_pierglass()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words= w\n\tcase $prev in");
	put_values("COMPREPLY=($(compgen -d -- \"$cur\"))", "COMPREPLY=($(compgen -f -- \"$cur\"))",
		   "COMPREPLY=($(compgen -W '", "' -- \"$cur\"))");
	fputs("\tesac\n\tfor w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n\t\tcase \" ", stdout);
	put_commands();
	puts(" \" in *\" $w \"*) command=$w; break;; esac\n\tdone\n\tcase $command in");
	fputs("\t'') words='", stdout);
	put_commands();
	puts(" --run --json --help --version';;");
	for (const struct cli_command *c = cli_commands(); c->name; c++) {
		printf("\t%s) words='", c->name);
		put_words(c);
		puts("';;");
	}
	puts("\tesac\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))");
	printf("\tcase \"%s\" in *\" $command \"*) COMPREPLY+=($(compgen -f -- \"$cur\"));; esac\n", files_after);
	puts("}\ncomplete -o filenames -F _pierglass pierglass");
}

/* A text inside zsh's single quotes; ':' would end a word of _describe. */
static void put_zsh(const char *s)
{
	for (; *s; s++)
		if (*s == '\'')
			fputs("'\\''", stdout);
		else
			printf("%s%c", *s == ':' ? "\\" : "", *s);
}

static void zsh(void)
{
	puts("#compdef pierglass\n# zsh completion for pierglass: put it as _pierglass into a directory of $fpath\n"
	     "_pierglass()\n{\n\tlocal command= w\n\tlocal -a commands\n\tcommands=(");
	for (const struct cli_command *c = cli_commands(); c->name; c++) {
		printf("\t\t'%s:", c->name);
		put_zsh(c->help);
		puts("'");
	}
	puts("\t)\n\tcase ${words[CURRENT-1]} in");
	put_values("_files -/", "_files", "compadd -- ", "");
	fputs("\tesac\n\tfor w in ${words[2,CURRENT-1]}; do\n\t\tcase \" ", stdout);
	put_commands();
	puts(" \" in *\" $w \"*) command=$w; break;; esac\n\tdone\n\tcase $command in\n"
	     "\t'') _describe command commands; compadd -- --run --json --help --version;;");
	for (const struct cli_command *c = cli_commands(); c->name; c++) {
		printf("\t%s) compadd -- ", c->name);
		put_words(c);
		printf("%s;;\n", strstr(files_after, c->name) ? "; _files" : "");
	}
	puts("\tesac\n}\n_pierglass \"$@\"");
}

int cmd_completion(const struct cli_options *o)
{
	if (o->argument && !strcmp(o->argument, "bash")) {
		bash();
	} else if (o->argument && !strcmp(o->argument, "zsh")) {
		zsh();
	} else {
		fputs("pierglass: completion: expected \"bash\" or \"zsh\"\n", stderr);
		return CLI_USAGE;
	}
	return CLI_OK;
}
