/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listed addresses in the kernel: what all feeds name, as one table that a program looks a new flow's far end up in
 * (sensor/core/listed.h). A change makes a whole new table, which takes the place of the old one in one step; flows that were there
 * before are looked at once. Where the operator lets intel.ip block, packets of new flows with listed addresses are dropped where
 * they begin: for a minute from the last time that this core said so. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/feeds_priv.h"
#include "sensor/core/model.h"
#include "sensor/core/policy.h"

#define DROPS_EVERY_NS (5 * NSEC_PER_SEC)
#define DROPS_LAST_NS (60 * NSEC_PER_SEC)

/* ---- the table ------------------------------------------------------------------------------------------------------------ */
static void add_range(const uint8_t first[16], const uint8_t last[16], const struct feed_hit *h, void *arg)
{
	if (feed_hit_counts(h))
		listed_add(arg, first, last);
}

static int ranges_make(struct core_feeds *f, struct listed_ranges *ret)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->feeds[i].set)
			feed_set_each_ip(f->feeds[i].set, add_range, ret);
	return listed_seal(ret);
}

static void failed(struct core *c, int r)
{
	struct core_feeds *f = c->feeds;

	f->kernel_since_ns = 0;
	listed_done(&f->kernel_ranges);
	log_warn("listed addresses cannot be put into the kernel: %s, ignoring: each flow is looked up by core", strerror(-r));
	feeds_match_again(c);
}

static bool is_met(const struct core_feeds *f, uint64_t first_seen_mono_ns)
{
	return f->kernel_since_ns && first_seen_mono_ns > f->kernel_since_ns;
}

bool feeds_kernel_says_no(const struct core_feeds *f, const struct core_flow_view *v)
{
	return is_met(f, v->first_mono_ns) && !(v->kernel_flags & PG_FLOW_LISTED);
}

static int use(struct core *c, int inner)
{
	int outer = core_map_fd(c, "listed"), r;
	uint32_t zero = 0;

	if (outer < 0)
		return -ENOENT;
	if (inner < 0)
		r = bpf_map_delete_elem(outer, &zero) && errno != ENOENT ? -errno : 0;
	else
		r = bpf_map_update_elem(outer, &zero, &inner, BPF_ANY) ? -errno : 0;
	return r;
}

static void now_used(struct core *c)
{
	struct core_feeds *f = c->feeds;

	f->kernel_count = f->kernel_ranges.count4 + f->kernel_ranges.count6;
	f->kernel_bytes = f->kernel_count ? (size_t)listed_pages(&f->kernel_ranges) * PG_LISTED_PAGE : 0;
	f->kernel_since_ns = clock_mono_ns();
	listed_done(&f->kernel_ranges);
	if (f->kernel_count)
		log_info("feeds: %zu ranges of addresses are in the kernel (%zu KiB), made in %llu ms", f->kernel_count, f->kernel_bytes >> 10,
			 (unsigned long long)((f->kernel_since_ns - f->kernel_began_ns) / NSEC_PER_MSEC));
	feeds_match_again(c);
}

/* Every feed was read, or cannot be: before that, a table would lack what an earlier core knew. */
static bool is_settled(const struct core_feeds *f)
{
	for (unsigned i = 0; i < f->count; i++) {
		const struct core_feed *feed = &f->feeds[i];

		if (!feed->looked || feed->state == FEED_READING || (feed->state == FEED_WAITING && !feed->remote.cfg))
			return false;
	}
	return true;
}

/* The keeper made the map. */
void feeds_kernel_answer(struct core *c, const struct ipc_hdr *hdr, int fd)
{
	struct core_feeds *f = c->feeds;
	size_t size = f ? (size_t)listed_pages(&f->kernel_ranges) * PG_LISTED_PAGE : 0;
	void *p;
	int r;

	if (!f || hdr->seq != f->kernel_seq) {
		close_fd(&fd);
		return;
	}
	f->kernel_seq = 0;
	p = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		failed(c, fd < 0 && hdr->status < 0 ? hdr->status : -ENOMEM);
		close_fd(&fd);
		return;
	}
	listed_write(&f->kernel_ranges, p);
	munmap(p, size);
	r = use(c, fd);
	close_fd(&fd);
	if (r < 0)
		failed(c, r);
	else
		now_used(c);
}

/* One table at a time: while the keeper makes one, a further change waits. */
static void table_make(struct core *c)
{
	struct core_feeds *f = c->feeds;
	struct msg_listed m;
	int r;

	f->kernel_stale = false;
	f->kernel_began_ns = clock_mono_ns();
	listed_done(&f->kernel_ranges);
	r = core_map_fd(c, "listed") < 0 ? -ENOENT : ranges_make(f, &f->kernel_ranges);
	if (r == 0 && !f->kernel_ranges.count4 && !f->kernel_ranges.count6) {
		r = use(c, -1);
		if (r == 0)
			now_used(c);
	} else if (r == 0) {
		m.pages = listed_pages(&f->kernel_ranges);
		f->kernel_seq = c->priv->next_seq++;
		r = m.pages > PG_LISTED_PAGES_MAX ? -E2BIG : peer_send(c->priv->keeper, MSG_LISTED, f->kernel_seq, &m, sizeof(m));
	}
	if (r < 0) {
		f->kernel_seq = 0;
		failed(c, r);
	}
}

/* ---- dropping ---------------------------------------------------------------------------------------------------------------- */
struct drops {
	struct core *c;
	const struct ident_container *ct;
	int fd;
	uint64_t until_ns;
};

static void drop_link(const struct ident_link *l, void *arg)
{
	struct drops *d = arg;
	struct pg_if_key k = { .ifindex = l->ifindex, .ns = l->ns };

	if (l->kind == IDENT_LINK_VETH && l->peer_ns && l->peer_ns == d->ct->ns)
		(void)bpf_map_update_elem(d->fd, &k, &d->until_ns, BPF_ANY); /* full: the nftables sets of policy still block it */
}

static bool is_blocked_at_once(const struct core *c, const char *workload)
{
	return policy_mode_of(c, workload) == POLICY_ENFORCE &&
	       action_rules_get(&c->config.actions, workload, FINDING_INTEL_IP) & ACTION_BIT(ACTION_BLOCK);
}

static void drop_container(const struct ident_container *ct, void *arg)
{
	struct drops *d = arg;

	if (!ct->ns || ct->gone_mono_ns || !is_blocked_at_once(d->c, ct->workload))
		return;
	d->ct = ct;
	ident_each_link(d->c->ident, drop_link, d);
}

/* Entries that are not renewed end by themselves, and are taken out when they have. */
static void drops_sweep(int fd, uint64_t now_ns)
{
	struct pg_if_key k, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);
	uint64_t until;

	for (int i = 0; more && i < 16384; i++) {
		k = next;
		more = !bpf_map_get_next_key(fd, &k, &next);
		if (!bpf_map_lookup_elem(fd, &k, &until) && until < now_ns)
			(void)bpf_map_delete_elem(fd, &k);
	}
}

void feeds_kernel_tick(struct core *c, uint64_t now_mono_ns)
{
	struct core_feeds *f = c->feeds;
	struct drops d = { .c = c, .fd = core_map_fd(c, "listed_drops"), .until_ns = now_mono_ns + DROPS_LAST_NS };

	if (f->kernel_stale && !f->kernel_seq && is_settled(f))
		table_make(c);
	if (d.fd < 0 || now_mono_ns - f->drops_ns < DROPS_EVERY_NS)
		return;
	f->drops_ns = now_mono_ns;
	ident_each_container(c->ident, drop_container, &d);
	drops_sweep(d.fd, now_mono_ns);
}

void core_feeds_kernel(const struct core *c, size_t *ret_ranges, size_t *ret_bytes)
{
	const struct core_feeds *f = c->feeds;

	*ret_ranges = f && f->kernel_since_ns ? f->kernel_count : 0;
	*ret_bytes = f && f->kernel_since_ns ? f->kernel_bytes : 0;
}
