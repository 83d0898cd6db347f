/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments: secrets go, what is needed stays, any bytes come out as one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/watch/applet.h"
#include "sensor/watch/script_arg.h"
#include "sensor/watch/args.h"

/* Arguments are written with | between them, in and out. */
static const struct {
	const char *in, *out;
} cases[] = {
	{ "nginx|-g|daemon off;", "nginx|-g|daemon off;" },
	{ "x||y|", "x||y" },
	{ "mysqld|--port=3306|--datadir=/var/lib", "mysqld|--port=3306|--datadir=/var/lib" },
	{ "app|--password=hunter2|--verbose", "app|--password=[redacted]|--verbose" },
	{ "app|--password|hunter2|--verbose", "app|--password|[redacted]|--verbose" },
	{ "app|--password|--verbose", "app|--password|--verbose" },
	{ "app|--password=", "app|--password=" },
	{ "app|--password-file=/run/secrets/x", "app|--password-file=/run/secrets/x" },
	{ "app|--tokens-path|/x", "app|--tokens-path|/x" },
	{ "env|MYSQL_ROOT_PASSWORD=x y z|sh", "env|MYSQL_ROOT_PASSWORD=[redacted] y z|sh" },
	{ "env|MYSQL_PWD=a|mysql", "env|MYSQL_PWD=[redacted]|mysql" },
	{ "mysql|-uroot|-phunter2|shop", "mysql|-uroot|-p[redacted]|shop" },
	{ "/usr/bin/mysqldump|-p|shop", "/usr/bin/mysqldump|-p|shop" },
	{ "nc|-l|-p80", "nc|-l|-p80" },
	{ "ssh|-p2222|host", "ssh|-p2222|host" },
	{ "redis-cli|-a|hunter2|ping", "redis-cli|-a|[redacted]|ping" },
	{ "sshpass|-phunter2|ssh|h", "sshpass|-p[redacted]|ssh|h" },
	{ "curl|-u|me:hunter2|http://h/", "curl|-u|[redacted]|http://h/" },
	{ "curl|--user|me:hunter2|http://h/", "curl|--user|[redacted]|http://h/" },
	{ "wget|https://me:hunter2@h.example/p@q", "wget|https://me:[redacted]@h.example/p@q" },
	{ "app|postgres://u:p%40ss/w@db:5432/x", "app|postgres://u:[redacted]@db:5432/x" },
	{ "curl|http://h:8080/a@b", "curl|http://h:8080/a@b" },
	{ "curl|-H|Authorization: Bearer abc def", "curl|-H|Authorization:[redacted]" },
	{ "curl|-H|Accept: text/html", "curl|-H|Accept: text/html" },
	{ "sh|-c|mysql -uroot -phunter2 shop", "sh|-c|mysql -uroot -p[redacted] shop" },
	{ "sh|-c|sleep 1; PGPASSWORD=a psql && redis-cli -a b get x", "sh|-c|sleep 1; PGPASSWORD=[redacted] psql && redis-cli -a [redacted] get x" },
	{ "app|ghp_0123456789abcdefghij", "app|[redacted]" },
	{ "app|key=AKIA0123456789ABCDEF", "app|key=[redacted]" },
	{ "app|-----BEGIN PRIVATE KEY-----\nxx", "app|[redacted]" },
	{ "docker|login|-p|x y", "docker|login|-p|[redacted]" },
	{ "a\nb|\x1b[31m|\x1f|c\\d|\x7f", "a\\x0ab|\\x1b[31m|\\x1f|c\\x5cd|\\x7f" },
	{ "", "" },
};

static void test_args_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char in[PG_ARGS_MAX], out[ARGS_TEXT_MAX];
		size_t len = strlen(cases[i].in);

		memcpy(in, cases[i].in, len);
		for (size_t k = 0; k < len; k++)
			if (in[k] == '|')
				in[k] = '\0';
		args_redact(in, len, out, sizeof(out));
		for (char *p = out; *p; p++)
			if (*p == ARGS_SEPARATOR)
				*p = '|';
		assert_string_equal(out, cases[i].out);
	}
}

static void test_args_worst(void **state)
{
	static char in[PG_ARGS_MAX], out[ARGS_TEXT_MAX];

	memset(in, '\n', sizeof(in));
	assert_int_equal(args_redact(in, sizeof(in), out, sizeof(out)), 4 * sizeof(in));
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = i & 1 ? '\0' : 'x';
	assert_int_equal(args_redact(in, sizeof(in), out, sizeof(out)), sizeof(in) - 1);
	memset(in, 0, sizeof(in));
	assert_int_equal(args_redact(in, sizeof(in), out, sizeof(out)), sizeof(in) - 1);
	memcpy(out, "123456789", 10);
	assert_int_equal(args_escape("ab\n", 3, out, 6), 2); /* an escape is whole or not there */
	assert_string_equal(out, "ab");
}

/* ---- programs that are many in one ------------------------------------------------------------------------ */
#define SEP "\x1f"
static void test_an_applet_is_named_by_the_first_argument(void **state)
{
	static const char *const named[][3] = {
		{ "/bin/busybox", "wget" SEP "-q" SEP "http://x/", "/bin/busybox (wget)" },
		{ "/bin/busybox", "/usr/bin/nc", "/bin/busybox (nc)" },
		{ "/bin/busybox", "busybox" SEP "nc" SEP "-l", "/bin/busybox (nc)" },
		{ "/bin/busybox", "busybox" SEP "/bin/busybox" SEP "nc" SEP "-l", "/bin/busybox (nc)" },
		{ "/bin/busybox", "busybox" SEP "busybox", "/bin/busybox" },
		{ "/bin/busybox", "/bin/busybox", "/bin/busybox" },
		{ "/bin/busybox", "-sh", "/bin/busybox (sh)" },
		{ "/bin/busybox", "", "/bin/busybox" },
		{ "/bin/busybox", "a b" SEP "c", "/bin/busybox" },
		{ "/bin/busybox", "x)" SEP "c", "/bin/busybox" },
		{ "/bin/busybox", "0123456789012345678901234567890123456789", "/bin/busybox" },
		{ "/usr/bin/curl", "wget", "/usr/bin/curl" },
		{ "", "wget", "" },
	};
	char name[128];

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		assert_string_equal(applet_name(named[i][0], named[i][1], name, sizeof(name)), named[i][2]);
}

static bool same(const char *a, const char *b)
{
	return applet_same(a, strlen(a), b, strlen(b));
}

static void test_the_script_of_an_interpreter(void **state)
{
	static const char *const runs[][4] = {
		{ "/usr/bin/python3.11", "python3\037/tmp/x.py\037-c", "", "/tmp/x.py" },
		{ "/usr/bin/python3.11", "python3\037-u\037-B\037/tmp/x.py", "", "/tmp/x.py" },
		{ "/usr/bin/dash", "sh\037/entry.sh\037start", "/entry.sh", "/entry.sh" },
		{ "/usr/bin/dash", "sh\037-x\037/tmp/a.sh", "", "/tmp/a.sh" },
		{ "/bin/busybox", "sh\037/tmp/a.sh", "", "/tmp/a.sh" },
		{ "/bin/busybox", "busybox\037sh\037/tmp/a.sh", "", "/tmp/a.sh" },
		{ "/bin/busybox", "busybox\037busybox\037sh\037/tmp/a.sh", "", "/tmp/a.sh" },
		{ "/usr/bin/node", "node\037--inspect\037app.js", "", "app.js" },
	};
	static const char *const none[][2] = {
		{ "/usr/bin/dash", "sh\037-c\037id; /tmp/a.sh" }, { "/usr/bin/bash", "bash\037-lc\037id" }, { "/usr/bin/dash", "sh" },
		{ "/usr/bin/perl", "perl\037-e\037print 1" },	  { "/usr/bin/node", "node\037--eval=1" },	 { "/usr/bin/dash", "" },
		{ "/usr/bin/python3", "python3\037-\037/tmp/x" }, { "/usr/bin/python3", "python3\037-m\037http.server" },
		{ "/usr/bin/curl", "curl\037/tmp/x" },		  { "/bin/busybox", "wget\037/tmp/x" },	 { "/bin/busybox", "" },
	};
	char script[64];

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		assert_true(applet_script(runs[i][0], runs[i][1], runs[i][2], script, sizeof(script)));
		assert_string_equal(script, runs[i][3]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_false(applet_script(none[i][0], none[i][1], "", script, sizeof(script)));
}

/* Words between blanks; the result, "" none. */
static void script_is(const char *exe, const char *words, const char *want)
{
	const char *script = NULL;
	char args[256];
	size_t len = strlen(words), n;

	for (size_t i = 0; i <= len; i++)
		args[i] = words[i] == ' ' ? '\0' : words[i];
	n = script_arg(exe, strlen(exe), args, len + 1, true, &script);
	if (n != strlen(want) || (n && memcmp(script, want, n) != 0))
		fail_msg("%s: %s: \"%.*s\", not \"%s\"", exe, words, (int)n, n ? script : "", want);
	/* cut anywhere: this, or none */
	for (size_t cut = 0; cut <= len; cut++) {
		char *own = malloc(cut + 1); /* exactly as long, for the sanitizer */

		memcpy(own, args, cut);
		n = script_arg(exe, strlen(exe), own, cut, false, &script);
		if (n && (n != strlen(want) || memcmp(script, want, n) != 0))
			fail_msg("%s: %s: cut at %zu: \"%.*s\"", exe, words, cut, (int)n, script);
		free(own);
	}
}

static void test_the_script_among_an_interpreters_arguments(void **state)
{
	static const char *const run[][3] = {
		{ "/usr/bin/dash", "sh run.sh a b", "run.sh" },
		{ "/usr/bin/dash", "sh", "" },
		{ "/usr/bin/dash", "sh -c run.sh", "" },
		{ "/usr/bin/dash", "sh -ec run.sh", "" },
		{ "/usr/bin/dash", "sh -s run.sh", "" },
		{ "/usr/bin/dash", "sh -eux ./run.sh -c", "./run.sh" },
		{ "/usr/bin/dash", "sh -e -- -x", "-x" },
		{ "/usr/bin/dash", "sh - run.sh", "run.sh" },
		{ "/usr/bin/dash", "sh --", "" },
		{ "/usr/bin/bash", "bash -eo pipefail run.sh", "run.sh" },
		{ "/usr/bin/bash", "bash -o pipefail -e run.sh", "run.sh" },
		{ "/usr/bin/bash", "bash +o posix run.sh", "run.sh" },
		{ "/usr/bin/bash", "bash -o", "" },
		{ "/usr/bin/bash", "bash --norc run.sh", "run.sh" },
		{ "/usr/bin/bash", "bash --rcfile rc run.sh", "run.sh" },
		{ "/usr/bin/bash", "bash --strange run.sh", "" },
		{ "/usr/bin/bash", "-bash", "" },
		{ "/bin/busybox", "sh run.sh", "run.sh" },
		{ "/bin/busybox", "busybox sh -x run.sh", "run.sh" },
		{ "/bin/busybox", "busybox busybox sh run.sh", "run.sh" },
		{ "/bin/busybox", "busybox wget run.sh", "" },
		{ "/bin/busybox", "wget run.sh", "" },
		{ "/usr/bin/python3.11", "python3 -u app.py", "app.py" },
		{ "/usr/bin/python3.11", "python3 -W ignore app.py", "app.py" },
		{ "/usr/bin/python3.11", "python3 -Wignore -X dev app.py", "app.py" },
		{ "/usr/bin/python3.11", "python3 -uc app.py", "" },
		{ "/usr/bin/python3.11", "python3 -m http.server", "" },
		{ "/usr/bin/python3.11", "python3 -", "" },
		{ "/usr/bin/python3-config", "python3-config app.py", "" },
		{ "/usr/bin/perl", "perl -w -I lib app.pl", "app.pl" },
		{ "/usr/bin/perl", "perl -Ilib -MCarp app.pl", "app.pl" },
		{ "/usr/bin/perl", "perl -lne print", "" },
		{ "/usr/bin/perl", "perl -l012n app.pl", "app.pl" },
		{ "/usr/bin/perl", "perl -S app.pl", "" },
		{ "/usr/bin/perl", "perl -i.bak -pe s/a/b/ file", "" },
		{ "/usr/bin/perl", "perl -pi app.pl", "app.pl" },
		{ "/usr/bin/ruby3.1", "ruby -rjson -I lib app.rb", "app.rb" },
		{ "/usr/bin/ruby3.1", "ruby -C /srv app.rb", "" },
		{ "/usr/bin/node", "node --inspect --max-old-space-size=99 -r x app.js", "app.js" },
		{ "/usr/bin/node", "node --require x app.js", "app.js" },
		{ "/usr/bin/node", "node -e app.js", "" },
		{ "/usr/bin/node", "node --inspect-port 9 app.js", "" },
		{ "/usr/bin/php8.2", "php -d a=b -f app.php", "app.php" },
		{ "/usr/bin/php8.2", "php app.php", "app.php" },
		{ "/usr/bin/php8.2", "php -r app.php", "" },
		{ "/usr/bin/php8.2", "php -- app.php", "" },
		{ "/usr/sbin/php-fpm8.2", "php-fpm app.php", "" },
		{ "/usr/bin/shuf", "shuf app.sh", "" },
		{ "", "sh run.sh", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(run); i++)
		script_is(run[i][0], run[i][1], run[i][2]);
}

static void test_scripts_that_are_expected(void **state)
{
	assert_true(script_is_with_programs("/usr/local/bin/x.sh"));
	assert_true(script_is_with_programs("/opt/a..b/x"));
	assert_false(script_is_with_programs("/usr/../tmp/x.sh"));
	assert_false(script_is_with_programs("/tmp/usr/x.sh"));
	assert_false(script_is_with_programs("usr/x.sh"));
	assert_true(script_is_named_in("/app/run.sh", "/app/run.sh"));
	assert_true(script_is_named_in("/app/run.sh", "exec sh '/app/run.sh' x; sleep 1"));
	assert_true(script_is_named_in("run.sh", "cd /x && ./run.sh"));
	assert_false(script_is_named_in("/run.sh", "/app/run.sh"));
	assert_false(script_is_named_in("s", "/app/run.sh"));
	assert_false(script_is_named_in("run.sh", "/app/prerun.sh /app/run.shx"));
	assert_false(script_is_named_in("", "sh /app/run.sh"));
}

static void test_an_unknown_applet_may_be_any(void **state)
{
	assert_true(same("/bin/busybox (nc)", "/bin/busybox (nc)"));
	assert_false(same("/bin/busybox (nc)", "/bin/busybox (httpd)"));
	assert_true(same("/bin/busybox", "/bin/busybox (httpd)"));
	assert_true(same("/bin/busybox (httpd)", "/bin/busybox"));
	assert_false(same("/bin/busybox (httpd)", "/sbin/busybox"));
	assert_false(same("/bin/nc (x)", "/bin/nc"));
	assert_true(same("", ""));
	assert_int_equal(applet_exe_len("/bin/busybox (nc)", 17), 12);
	assert_int_equal(applet_exe_len("/tmp/a (nc)", 11), 11);
	assert_true(applet_is_unknown("/bin/busybox"));
	assert_false(applet_is_unknown("/bin/busybox (nc)"));
	assert_false(applet_is_unknown("/bin/nc"));
	assert_int_equal(applet_exe_len(" (nc)", 5), 5);
	assert_int_equal(applet_exe_len("()", 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_args_cases),
		cmocka_unit_test(test_args_worst),
		cmocka_unit_test(test_an_applet_is_named_by_the_first_argument),
		cmocka_unit_test(test_the_script_among_an_interpreters_arguments),
		cmocka_unit_test(test_scripts_that_are_expected),
		cmocka_unit_test(test_an_unknown_applet_may_be_any),
		cmocka_unit_test(test_the_script_of_an_interpreter),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
