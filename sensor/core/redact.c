/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "sensor/facts.h"

#define STAR '*'

static const char *const secret_words[] = {
	"password", "passwd", "passphrase", "pwd", "pass", "secret", "token", "apikey", "api_key", "api-key", "access_key", "accesskey",
	"session", "sessionid", "sid", "auth", "authorization", "credential", "credentials", "signature", "sig", "private_key", "key",
};

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Whether the text up to end closes with the name of a secret: the whole word, or its last part ("db_password"). */
static bool names_secret(const char *start, const char *end)
{
	const char *w = end;
	size_t len;

	while (w > start && is_word_char(w[-1]))
		w--;
	len = (size_t)(end - w);
	for (size_t i = 0; i < ARRAY_SIZE(secret_words); i++) {
		size_t n = strlen(secret_words[i]);

		if (len >= n && !strncasecmp(end - n, secret_words[i], n) && (len == n || !isalnum((unsigned char)end[-(long)n - 1]) || n > 5))
			return true;
	}
	return false;
}

/* "Basic " or "Bearer " ends here. */
static bool names_scheme(const char *start, const char *end)
{
	static const char *const schemes[] = { "Basic ", "Bearer " };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t n = strlen(schemes[i]);

		if ((size_t)(end - start) >= n && !strncasecmp(end - n, schemes[i], n) &&
		    ((size_t)(end - start) == n || !is_word_char(end[-(long)n - 1])))
			return true;
	}
	return false;
}

/* user:password@ behind "://": where the host begins, NULL: there is none. */
static const char *behind_userinfo(const char *p)
{
	const char *at = NULL;

	for (; *p && !strchr("/? \n\";", *p); p++)
		if (*p == '@')
			at = p;
	return at;
}

static void redact_text(char *text)
{
	const char *r = text, *at;
	char *w = text;

	while (*r) {
		size_t skip = 0;

		*w++ = *r++;
		if (w[-1] == '?')
			skip = strcspn(r, " \n\"");
		else if (w[-1] == '=' && names_secret(text, w - 1))
			skip = strcspn(r, "&;, \n\"'");
		else if (w[-1] == ' ' && names_scheme(text, w))
			skip = strcspn(r, " \n;,\"");
		else if (w - text >= 3 && !memcmp(w - 3, "://", 3) && (at = behind_userinfo(r)))
			skip = (size_t)(at - r);
		/* a list of sentences goes on behind "; " */
		if (skip && w[-1] == '?' && r[skip] == ' ' && r[skip - 1] == ';')
			skip--;
		if (!skip)
			continue;
		*w++ = STAR;
		r += skip;
	}
	*w = '\0';
}

void redact_info(char *info, enum redact_keep keep)
{
	char *bytes;

	if (keep == REDACT_KEEP_NONE)
		info[0] = '\0';
	if (keep != REDACT_KEEP_REDACTED)
		return;
	for (unsigned end = 0; end < 2; end++) {
		bytes = strstr(info, end ? "end 1 sent " : "end 0 sent ");
		if (!bytes)
			continue;
		*bytes = '\0';
		if (bytes - info >= 2 && !memcmp(bytes - 2, "; ", 2))
			bytes[-2] = '\0';
	}
	redact_text(info);
}

void redact_facts(char *facts, enum redact_keep keep)
{
	char *r = facts, *w = facts, *nl;

	if (keep == REDACT_KEEP_NONE)
		facts[0] = '\0';
	if (keep != REDACT_KEEP_REDACTED)
		return;
	for (; (nl = strchr(r, '\n')); r = nl + 1) {
		size_t len;

		if (facts_is(r, FACT_FIRST_BYTES_CLIENT) || facts_is(r, FACT_FIRST_BYTES_SERVER))
			continue;
		*nl = '\0';
		redact_text(r + 1); /* behind the fact's own character */
		len = strlen(r);
		memmove(w, r, len);
		w += len;
		*w++ = '\n';
	}
	*w = '\0';
}
