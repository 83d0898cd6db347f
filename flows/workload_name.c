/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an operator would call a container (DESIGN 5). Pure text.
 *
 * compose: "project/service". Swarm: "stack/service" (Docker names a stack's service "stack_service"), else the service.
 * Else image/name, where image is the repository's last component without registry, tag and digest, and name is the
 * container's name without its random parts, taken off from the end until nothing more goes:
 *   - a UUID after '-', '_' or '.'
 *   - after such a separator: 8 or more hex digits (short ids, time stamps), or 20 or more lower-case letters and digits
 *     with both among them (Swarm's base-36 ids)
 *   - after such a separator: a number of 1 to 3 digits (replica numbers)
 *   - the whole, if it is of the form adjective_surname, perhaps with one digit, with one of the engine's adjectives
 * An image that is only an id (sha256:…, 12 or more hex digits) has no name: then it is the container's name alone.
 * If nothing is left of both, the untouched container name, else the id's first 12 digits. */
#include "flows/identity_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What the engine begins its random names with. */
static const char *const engine_adjectives[] = {
	"admiring", "adoring", "affectionate", "agitated", "amazing", "angry", "awesome", "beautiful", "blissful", "bold",
	"boring", "brave", "busy", "charming", "clever", "compassionate", "competent", "condescending", "confident", "cool",
	"cranky", "crazy", "dazzling", "determined", "distracted", "dreamy", "eager", "ecstatic", "elastic", "elated",
	"elegant", "eloquent", "epic", "exciting", "fervent", "festive", "flamboyant", "focused", "friendly", "frosty",
	"funny", "gallant", "gifted", "goofy", "gracious", "great", "happy", "hardcore", "heuristic", "hopeful", "hungry",
	"infallible", "inspiring", "intelligent", "interesting", "jolly", "jovial", "keen", "kind", "laughing", "loving",
	"lucid", "magical", "modest", "musing", "mystifying", "naughty", "nervous", "nice", "nifty", "nostalgic",
	"objective", "optimistic", "peaceful", "pedantic", "pensive", "practical", "priceless", "quirky", "quizzical",
	"recursing", "relaxed", "reverent", "romantic", "sad", "serene", "sharp", "silly", "sleepy", "stoic", "strange",
	"stupefied", "suspicious", "sweet", "tender", "thirsty", "trusting", "unruffled", "upbeat", "vibrant", "vigilant",
	"vigorous", "wizardly", "wonderful", "xenodochial", "youthful", "zealous", "zen",
};

static bool is_separator(char c)
{
	return c == '-' || c == '_' || c == '.';
}

static size_t span_of(const char *s, size_t len, int (*is)(int))
{
	size_t n = 0;

	while (n < len && is((unsigned char)s[n]))
		n++;
	return n;
}

static bool is_engine_name(const char *s, size_t len)
{
	const char *sep = memchr(s, '_', len);
	size_t adj, rest, i;

	if (!sep)
		return false;
	adj = (size_t)(sep - s);
	rest = len - adj - 1;
	if (rest > 1 && isdigit((unsigned char)s[len - 1]))
		rest--;
	if (rest < 2 || span_of(sep + 1, rest, islower) != rest)
		return false;
	for (i = 0; i < ARRAY_SIZE(engine_adjectives); i++)
		if (strlen(engine_adjectives[i]) == adj && !memcmp(engine_adjectives[i], s, adj))
			return true;
	return false;
}

static bool is_uuid(const char *s, size_t len)
{
	size_t i;

	if (len != 36)
		return false;
	for (i = 0; i < len; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

/* Is what follows a separator random or a replica's number? */
static bool is_random_token(const char *s, size_t len)
{
	size_t digits = 0, lower = 0, i;

	for (i = 0; i < len; i++) {
		digits += isdigit((unsigned char)s[i]) != 0;
		lower += islower((unsigned char)s[i]) != 0;
	}
	if (len >= 1 && len <= 3 && digits == len)
		return true;
	if (len >= 8 && span_of(s, len, isxdigit) == len)
		return true;
	return len >= 20 && digits + lower == len && digits && lower;
}

/* Length of s without its random parts. */
static size_t stable_len(const char *s)
{
	size_t len = strlen(s), i;

	for (;;) {
		if (is_engine_name(s, len))
			return 0;
		if (len == 64 && span_of(s, len, isxdigit) == len) /* an id as a name */
			return 0;
		if (is_uuid(s, len))
			return 0;
		if (len > 37 && is_separator(s[len - 37]) && is_uuid(s + len - 36, 36)) {
			len -= 37;
			continue;
		}
		for (i = len; i > 0 && !is_separator(s[i - 1]); i--)
			;
		if (i < 2 || i == len || !is_random_token(s + i, len - i))
			return len;
		len = i - 1;
	}
}

/* The last component of a reference's repository; length 0 when the reference is only an id. */
static size_t image_component(const char *image, const char **ret)
{
	size_t len = strcspn(image, "@");
	const char *p = image, *slash, *colon;

	*ret = image;
	if (!strncmp(image, "sha256:", 7))
		return 0;
	while ((slash = memchr(p, '/', len))) {
		len -= (size_t)(slash + 1 - p);
		p = slash + 1;
	}
	if (p == image && len >= 12 && span_of(p, len, isxdigit) == len)
		return 0;
	colon = memchr(p, ':', len);
	if (colon)
		len = (size_t)(colon - p);
	*ret = p;
	return len;
}

/* Labels are free text: no control bytes in a name that goes to logs and terminals. */
static void defuse(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

static void name_swarm(const struct ident_container *c, char *ret, size_t len)
{
	size_t stack = strlen(c->swarm_stack);

	if (!stack)
		snprintf(ret, len, "%s", c->swarm_service);
	else if (!strncmp(c->swarm_service, c->swarm_stack, stack) && c->swarm_service[stack] == '_')
		snprintf(ret, len, "%s/%s", c->swarm_stack, c->swarm_service + stack + 1);
	else
		snprintf(ret, len, "%s/%s", c->swarm_stack, c->swarm_service);
}

static void name_plain(const struct ident_container *c, char *ret, size_t len)
{
	const char *image;
	size_t image_len = image_component(c->image, &image), name_len = stable_len(c->name);

	if (image_len && name_len)
		snprintf(ret, len, "%.*s/%.*s", (int)image_len, image, (int)name_len, c->name);
	else if (image_len)
		snprintf(ret, len, "%.*s", (int)image_len, image);
	else if (name_len)
		snprintf(ret, len, "%.*s", (int)name_len, c->name);
	else if (c->name[0])
		snprintf(ret, len, "%s", c->name);
	else
		snprintf(ret, len, "%.12s", c->id);
}

void ident_workload_name(const struct ident_container *c, char *ret, size_t len)
{
	if (c->compose_project[0] && c->compose_service[0])
		snprintf(ret, len, "%s/%s", c->compose_project, c->compose_service);
	else if (c->swarm_service[0])
		name_swarm(c, ret, len);
	else
		name_plain(c, ret, len);
	defuse(ret);
}

/* "service.3.<task id>" and "service.<node id>.<task id>" (global services) -> "service"; other names: without their
 * random parts. */
void ident_workload_name_remote(const char *name, char *ret, size_t len)
{
	const char *dot1 = NULL, *dot2 = NULL, *p;
	size_t n;

	for (p = name; *p; p++)
		if (*p == '.') {
			dot1 = dot2;
			dot2 = p;
		}
	if (dot1 && dot1 > name) {
		n = (size_t)(dot2 - dot1 - 1);
		if (n && (span_of(dot1 + 1, n, isdigit) == n || (n >= 20 && span_of(dot1 + 1, n, isalnum) == n)) &&
		    dot2[1] && span_of(dot2 + 1, strlen(dot2 + 1), isalnum) == strlen(dot2 + 1)) {
			snprintf(ret, len, "%.*s", (int)(dot1 - name), name);
			defuse(ret);
			return;
		}
	}
	n = stable_len(name);
	snprintf(ret, len, "%.*s", n ? (int)n : (int)strlen(name), name);
	defuse(ret);
}
