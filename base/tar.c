/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/tar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag, linkname[100];
	char magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "ustar");

#define OCTAL_SIZE_MAX 077777777777ULL

/* n - 1 octal digits and a NUL; what does not fit is cut to the lowest digits. */
static void octal(char *field, size_t n, uint64_t v)
{
	field[--n] = '\0';
	while (n--) {
		field[n] = (char)('0' + (v & 7));
		v >>= 3;
	}
}

static void checksum(struct ustar *u)
{
	const unsigned char *p = (const unsigned char *)u;
	unsigned sum = 0;

	memset(u->chksum, ' ', sizeof(u->chksum));
	for (size_t i = 0; i < sizeof(*u); i++)
		sum += p[i];
	octal(u->chksum, 7, sum);
	u->chksum[7] = ' ';
}

static void fill(struct ustar *u, const struct tar_entry *e, const char *name, size_t name_len, char type, uint64_t size)
{
	memset(u, 0, sizeof(*u));
	memcpy(u->name, name, name_len < sizeof(u->name) ? name_len : sizeof(u->name));
	octal(u->mode, sizeof(u->mode), e->mode & 07777);
	octal(u->uid, sizeof(u->uid), e->uid);
	octal(u->gid, sizeof(u->gid), e->gid);
	octal(u->size, sizeof(u->size), size > OCTAL_SIZE_MAX ? 0 : size);
	octal(u->mtime, sizeof(u->mtime), e->mtime_s);
	u->typeflag = type;
	memcpy(u->magic, "ustar", 6);
	memcpy(u->version, "00", 2);
	octal(u->devmajor, sizeof(u->devmajor), e->major);
	octal(u->devminor, sizeof(u->devminor), e->minor);
}

static bool is_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			return false;
	return true;
}

/* "LENGTH key=value\n": the length counts itself. */
static size_t pax_record(char *at, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, n = rest + 1, digits;

	do {
		digits = (size_t)snprintf(NULL, 0, "%zu", n);
		if (rest + digits == n)
			break;
		n = rest + digits;
	} while (1);
	return (size_t)snprintf(at, n + 1, "%zu %s=%s\n", n, key, value);
}

size_t tar_padding(uint64_t size)
{
	return (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

size_t tar_header(const struct tar_entry *e, unsigned char *buf)
{
	size_t name_len = strlen(e->name), link_len = e->link ? strlen(e->link) : 0, at = 0, pax = 0;
	bool long_name = name_len > sizeof(((struct ustar *)0)->name) || !is_plain(e->name);
	bool long_link = link_len > sizeof(((struct ustar *)0)->linkname) || (e->link && !is_plain(e->link));
	struct ustar u;
	char number[24];

	if (!name_len || name_len > TAR_NAME_MAX || link_len > TAR_NAME_MAX)
		return 0;
	memset(buf, 0, TAR_HEADER_MAX);
	if (long_name || long_link || e->size > OCTAL_SIZE_MAX) {
		char *records = (char *)buf + TAR_BLOCK;

		if (long_name)
			pax += pax_record(records + pax, "path", e->name);
		if (long_link)
			pax += pax_record(records + pax, "linkpath", e->link);
		if (e->size > OCTAL_SIZE_MAX) {
			snprintf(number, sizeof(number), "%llu", (unsigned long long)e->size);
			pax += pax_record(records + pax, "size", number);
		}
		fill(&u, e, "pax", 3, 'x', pax);
		checksum(&u);
		memcpy(buf, &u, sizeof(u));
		at = TAR_BLOCK + pax + tar_padding(pax);
		memset(buf + TAR_BLOCK + pax, 0, tar_padding(pax));
	}
	fill(&u, e, e->name, name_len, (char)e->type, e->type == TAR_FILE ? e->size : 0);
	if (link_len)
		memcpy(u.linkname, e->link, link_len < sizeof(u.linkname) ? link_len : sizeof(u.linkname));
	checksum(&u);
	memcpy(buf + at, &u, sizeof(u));
	return at + TAR_BLOCK;
}

static int parse_octal(const char *field, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < n && field[i] == ' ')
		i++;
	if (i == n || field[i] < '0' || field[i] > '7')
		return -EBADMSG;
	for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(field[i] - '0');
	*ret = v;
	return 0;
}

int tar_parse(const unsigned char block[TAR_BLOCK], char ret_name[256], uint64_t *ret_size, char *ret_type)
{
	struct ustar u, copy;
	uint64_t size;
	size_t prefix;

	memcpy(&u, block, sizeof(u));
	if (!u.name[0] && !u.typeflag)
		return -ENODATA;
	copy = u;
	checksum(&copy);
	if (memcmp(copy.chksum, u.chksum, 6) != 0 || memcmp(u.magic, "ustar", 5) != 0 || parse_octal(u.size, sizeof(u.size), &size) < 0)
		return -EBADMSG;
	prefix = strnlen(u.prefix, sizeof(u.prefix));
	snprintf(ret_name, 256, "%.*s%s%.*s", (int)prefix, u.prefix, prefix ? "/" : "", (int)strnlen(u.name, sizeof(u.name)), u.name);
	*ret_size = size;
	*ret_type = u.typeflag ? u.typeflag : '0';
	return 0;
}
