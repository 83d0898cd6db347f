/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "intel/geo_mmdb.h"

#include <arpa/inet.h>
#include <errno.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "intel/geo_data.h"

enum { RECORDS_VERIFIED = 100000, VALUES_MAX = 4096 };

struct geo {
	MMDB_s db;
	size_t bytes;
};

/* ---- opening -------------------------------------------------------------------------------------------------------------- */
static int copy(int fd, size_t *ret_len)
{
	_cleanup_close_ int to = memfd_create("geo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	_cleanup_free_ char *buf = malloc(1 << 20);
	off_t at = 0;
	ssize_t n;

	if (to < 0 || !buf)
		return to < 0 ? -errno : -ENOMEM;
	while ((n = pread(fd, buf, 1 << 20, at)) > 0) {
		at += n;
		if (at > GEO_BYTES_MAX)
			return -EFBIG;
		for (ssize_t done = 0, w; done < n; done += w) {
			w = write(to, buf + done, (size_t)(n - done));
			if (w <= 0)
				return -ENOMEM;
		}
	}
	if (n < 0)
		return -errno;
	*ret_len = (size_t)at;
	return take_fd(&to);
}

int geo_open(int fd, struct geo **ret, char *ret_why)
{
	_cleanup_close_ int own = -1;
	struct geo *g = calloc(1, sizeof(*g));
	char path[40];
	int r;

	if (!g)
		return -ENOMEM;
	own = copy(fd, &g->bytes);
	if (own < 0) {
		r = own;
		snprintf(ret_why, GEO_WHY_LEN, "%s", r == -EFBIG ? "it is larger than 512 MiB" : strerror(-r));
		free(g);
		return r;
	}
	/* The library takes names only. It maps the file, and the memfd lives as long as the map. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", own);
	r = MMDB_open(path, MMDB_MODE_MMAP, &g->db);
	if (r != MMDB_SUCCESS) {
		snprintf(ret_why, GEO_WHY_LEN, "%s", MMDB_strerror(r));
		free(g);
		return -EBADMSG;
	}
	*ret = g;
	return 0;
}

void geo_close(struct geo *g)
{
	if (!g)
		return;
	MMDB_close(&g->db);
	free(g);
}

size_t geo_bytes(const struct geo *g)
{
	return g->bytes;
}

bool geo_has_v4_only(const struct geo *g)
{
	return g->db.metadata.ip_version == 4;
}

uint64_t geo_built(const struct geo *g)
{
	return g->db.metadata.build_epoch;
}

static struct geo_reader reader_of(const struct geo *g)
{
	return (struct geo_reader){ .section = g->db.data_section, .len = g->db.data_section_size, .budget = VALUES_MAX };
}

/* ---- verifying -------------------------------------------------------------------------------------------------------------- */
int geo_verify(struct geo *g, char *ret_why)
{
	uint32_t checked = 0, last = UINT32_MAX;

	for (uint32_t i = 0; i < g->db.metadata.node_count; i++) {
		MMDB_search_node_s n;

		if (MMDB_read_node(&g->db, i, &n) != MMDB_SUCCESS) {
			snprintf(ret_why, GEO_WHY_LEN, "node %u of its tree cannot be read", i);
			return -EBADMSG;
		}
		for (int side = 0; side < 2; side++) {
			unsigned type = side ? n.right_record_type : n.left_record_type;
			const MMDB_entry_s *e = side ? &n.right_record_entry : &n.left_record_entry;
			struct geo_reader r = reader_of(g);
			uint32_t next;

			if (type == MMDB_RECORD_TYPE_INVALID) {
				snprintf(ret_why, GEO_WHY_LEN, "node %u of its tree points to nowhere", i);
				return -EBADMSG;
			}
			if (type != MMDB_RECORD_TYPE_DATA || e->offset == last || checked == RECORDS_VERIFIED)
				continue;
			last = e->offset;
			checked++;
			if (geo_value_skip(&r, e->offset, &next) < 0) {
				snprintf(ret_why, GEO_WHY_LEN, "the record at %u of its data is broken", e->offset);
				return -EBADMSG;
			}
		}
	}
	return 0;
}

/* ---- looking up --------------------------------------------------------------------------------------------------------------- */
static int find(struct geo *g, const uint8_t addr[16], uint32_t *ret_offset)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	bool is_v4 = !memcmp(addr, mapped, sizeof(mapped));
	MMDB_lookup_result_s found;
	int error = 0;

	memcpy(&v4.sin_addr, addr + 12, 4);
	memcpy(&v6.sin6_addr, addr, 16);
	if (!is_v4 && g->db.metadata.ip_version == 4)
		return -EAFNOSUPPORT;
	found = MMDB_lookup_sockaddr(&g->db, is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6, &error);
	if (error != MMDB_SUCCESS)
		return -EBADMSG;
	if (!found.found_entry)
		return 0;
	*ret_offset = found.entry.offset;
	return 1;
}

static bool text_at(struct geo *g, uint32_t offset, const char *const *path, char *ret, size_t len)
{
	struct geo_reader r = reader_of(g);
	struct geo_value v;
	size_t n = 0;
	uint32_t c;

	if (geo_value_at(&r, offset, path, &v) < 0 || v.type != GEO_STRING || !v.len)
		return false;
	while (n < v.len) {
		size_t k = utf8_decode(v.bytes + n, v.len - n, &c);

		if (!k || n + k >= len || (k == 1 && (v.bytes[n] < ' ' || v.bytes[n] == 0x7f)))
			break;
		n += k;
	}
	memcpy(ret, v.bytes, n);
	ret[n] = '\0';
	return n > 0;
}

static bool number_at(struct geo *g, uint32_t offset, const char *const *path, uint32_t *ret)
{
	struct geo_reader r = reader_of(g);
	struct geo_value v;

	if (geo_value_at(&r, offset, path, &v) < 0 || (v.type != GEO_UINT32 && v.type != GEO_UINT16 && v.type != GEO_UINT64) || v.number > UINT32_MAX)
		return false;
	*ret = (uint32_t)v.number;
	return true;
}

/* GeoIP2, GeoLite2, DB-IP: country.iso_code; ip-location-db: country_code; IPinfo: country_code, asn "AS64500", as_name. */
#define PATH(...) ((const char *const[]){ __VA_ARGS__, NULL })
static void fields_read(struct geo *g, uint32_t at, struct geo_entry *e)
{
	char text[16];

	if (text_at(g, at, PATH("country", "iso_code"), text, sizeof(text)) || text_at(g, at, PATH("country_code"), text, sizeof(text)) ||
	    text_at(g, at, PATH("registered_country", "iso_code"), text, sizeof(text)) || text_at(g, at, PATH("country"), text, sizeof(text)))
		if (strlen(text) == 2)
			memcpy(e->country, text, 3);
	if (!number_at(g, at, PATH("autonomous_system_number"), &e->asn) && !number_at(g, at, PATH("traits", "autonomous_system_number"), &e->asn) &&
	    text_at(g, at, PATH("asn"), text, sizeof(text)) && text[0] == 'A' && text[1] == 'S')
		e->asn = (uint32_t)strtoul(text + 2, NULL, 10);
	if (!text_at(g, at, PATH("autonomous_system_organization"), e->as_org, sizeof(e->as_org)) &&
	    !text_at(g, at, PATH("traits", "autonomous_system_organization"), e->as_org, sizeof(e->as_org)))
		(void)text_at(g, at, PATH("as_name"), e->as_org, sizeof(e->as_org));
}

int geo_lookup(struct geo *g, const uint8_t addr[16], struct geo_entry *ret)
{
	uint32_t offset, next;
	int rc = find(g, addr, &offset);
	struct geo_reader r = reader_of(g);

	if (rc <= 0)
		return rc == -EAFNOSUPPORT ? 0 : rc;
	if (geo_value_skip(&r, offset, &next) < 0)
		return -EBADMSG;
	fields_read(g, offset, ret);
	return 1;
}

int geo_json(struct geo *g, const uint8_t addr[16], char **ret)
{
	uint32_t offset;
	int rc = find(g, addr, &offset);
	struct geo_reader r = reader_of(g);

	if (rc <= 0)
		return rc;
	rc = geo_value_json(&r, offset, ret);
	return rc < 0 ? rc : 1;
}
