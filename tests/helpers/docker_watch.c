/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Discovery alone, without the sensor: plays keeper and core around broker_main() and docker_client, and prints what is
 * learned, one line a call. Usage: docker_watch SECONDS SOCKET… ; ends at SIGTERM too. "kill-broker" on standard input kills the
 * broker and starts a new one, "stats" prints the counters. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "sensor/msg.h"
#include "sensor/watch/broker.h"
#include "sensor/watch/docker_client.h"

struct watch {
	int keeper, core; /* our ends */
	pid_t broker;
	unsigned count;
	const char *paths[MSG_ENGINES_MAX];
	struct docker_client *dc[MSG_ENGINES_MAX];
	uint64_t start_ns;
	uint8_t body[IPC_BODY_MAX];
};

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

static void say(struct watch *w, const char *fmt, ...) _printf_(2, 3);
static void say(struct watch *w, const char *fmt, ...)
{
	va_list ap;

	printf("%.3f ", (double)(clock_mono_ns() - w->start_ns) / 1e9);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static const char *addr_text(const uint8_t a[16], char out[INET6_ADDRSTRLEN])
{
	static const uint8_t none[16];

	if (!memcmp(a, none, 16))
		return "-";
	if (a[10] == 0xff && a[11] == 0xff)
		return inet_ntop(AF_INET, a + 12, out, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, a, out, INET6_ADDRSTRLEN);
}

/* ---- what core would do ------------------------------------------------------------------------------ */

static int op_send(void *arg, uint32_t seq, const struct msg_docker_req *req)
{
	struct watch *w = arg;

	return ipc_send(w->core, MSG_DOCKER_REQ, seq, 0, req, sizeof(*req), -1);
}

static void op_put_container(void *arg, const struct ident_container *c)
{
	static const char *const states[] = { "created", "running", "paused", "restarting", "exited", "removed" };
	char nets[1024] = "", a4[INET6_ADDRSTRLEN], a6[INET6_ADDRSTRLEN];

	for (unsigned i = 0; i < c->endpoint_count; i++) {
		size_t n = strlen(nets);

		snprintf(nets + n, sizeof(nets) - n, "%s%s=%s,%s", n ? ";" : "", c->endpoints[i].network_name,
			 addr_text(c->endpoints[i].addr4, a4), addr_text(c->endpoints[i].addr6, a6));
	}
	say(arg, "put e%u %.12s name=%s state=%s pid=%u sandbox=%s nets=%s mode=%s image=%s compose=%s/%s swarm=%s ports=%u", c->engine,
	    c->id, c->name, states[c->state], c->pid, c->sandbox_name, nets, c->network_mode, c->image, c->compose_project,
	    c->compose_service, c->swarm_service, c->port_count);
}

static void op_container_gone(void *arg, unsigned engine, const char *id, uint64_t now_ns)
{
	say(arg, "gone e%u %.12s", engine, id);
}

static void op_put_network(void *arg, const struct ident_network *n)
{
	say(arg, "network e%u %.12s name=%s driver=%s bridge=%s vni=%u", n->engine, n->id, n->name, n->driver, n->bridge_name, n->vni);
}

static void op_network_gone(void *arg, unsigned engine, const char *id)
{
	say(arg, "network-gone e%u %.12s", engine, id);
}

static void op_put_remote(void *arg, unsigned engine, const char *network_id, const char *name, const uint8_t addr[16],
			  const char *node)
{
	char a[INET6_ADDRSTRLEN];

	say(arg, "remote e%u %.12s name=%s addr=%s node=%s", engine, network_id, name, addr_text(addr, a), node);
}

static void op_resync_begin(void *arg, unsigned engine)
{
	say(arg, "resync-begin e%u", engine);
}

static void op_resync_end(void *arg, unsigned engine, uint64_t now_ns)
{
	say(arg, "resync-end e%u", engine);
}

static void op_engine_info(void *arg, const struct docker_engine_info *i)
{
	say(arg, "engine e%u version=%s api=%s name=%s swarm=%d manager=%d node=%s", i->engine, i->version, i->api_version, i->name,
	    i->swarm_active, i->swarm_manager, i->swarm_node_addr);
}

static void op_lost(void *arg, unsigned engine, enum docker_lost what, uint64_t n)
{
	say(arg, "lost e%u %s %" PRIu64, engine, docker_lost_name(what), n);
}

static void op_log(void *arg, enum log_level lvl, const char *text)
{
	say(arg, "log %d %s", lvl, text);
}

static const struct docker_client_ops ops = {
	.send = op_send, .put_container = op_put_container, .container_gone = op_container_gone, .put_network = op_put_network,
	.network_gone = op_network_gone, .put_remote = op_put_remote, .resync_begin = op_resync_begin, .resync_end = op_resync_end,
	.engine_info = op_engine_info, .lost = op_lost, .log = op_log,
};

static int core_read(struct watch *w)
{
	struct ipc_hdr h;
	struct msg_docker_chunk c;
	_cleanup_close_ int fd = -1;
	int r;

	r = ipc_recv(w->core, &h, w->body, &fd);
	if (r != 1)
		return r;
	if (h.type != MSG_DOCKER_CHUNK || h.len < sizeof(c))
		return 1;
	memcpy(&c, w->body, sizeof(c));
	if (c.engine < w->count && c.len == h.len - sizeof(c))
		docker_client_chunk(w->dc[c.engine], &h, &c, w->body + sizeof(c), clock_mono_ns());
	return 1;
}

/* ---- what the keeper would do ---------------------------------------------------------------------------- */

static int engine_connect(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return take_fd(&fd);
}

static int keeper_read(struct watch *w)
{
	struct msg_engine_ref ref;
	struct ipc_hdr h;
	_cleanup_close_ int got = -1, fd = -1;
	int r;

	r = ipc_recv(w->keeper, &h, w->body, &got);
	if (r != 1)
		return r;
	if (h.type != MSG_ENGINE_CONNECT || h.len != sizeof(ref))
		return 1;
	memcpy(&ref, w->body, sizeof(ref));
	fd = ref.engine < w->count ? engine_connect(w->paths[ref.engine]) : -EINVAL;
	ipc_send(w->keeper, MSG_ENGINE_CONNECT, h.seq, fd < 0 ? fd : 0, &ref, sizeof(ref), fd < 0 ? -1 : fd);
	return 1;
}

static int broker_start(struct watch *w)
{
	struct msg_fd m = { .kind = MSG_FD_CORE };
	int k[2], c[2], r;

	r = ipc_pair(k);
	if (r == 0)
		r = ipc_pair(c);
	if (r < 0)
		return r;
	w->broker = fork();
	if (w->broker == 0) {
		close(k[0]);
		close(c[0]);
		close(c[1]);
		if (setgid(65534) || setuid(65534))
			_exit(1);
		log_init("broker", LOG_LVL_DEBUG);
		_exit(broker_main(k[1]));
	}
	close(k[1]);
	w->keeper = k[0];
	w->core = c[0];
	r = ipc_send(w->keeper, MSG_FD, 0, 0, &m, sizeof(m), c[1]);
	close(c[1]);
	return w->broker < 0 ? -errno : r;
}

static void broker_end(struct watch *w, int sig)
{
	int status = 0;

	if (sig)
		kill(w->broker, sig);
	close(w->keeper);
	close(w->core);
	waitpid(w->broker, &status, 0);
	say(w, "broker ended: %s %d", WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void stats(struct watch *w)
{
	for (unsigned i = 0; i < w->count; i++) {
		struct docker_client_stats s;

		docker_client_stats(w->dc[i], &s);
		say(w, "stats e%u state=%s connects=%" PRIu64 " gaps=%" PRIu64 " events=%" PRIu64 " requests=%" PRIu64 " failed=%" PRIu64
		    " inspects=%" PRIu64 " late=%" PRIu64 " containers=%zu networks=%zu in_flight=%zu queued=%zu error=%d", i,
		    docker_client_state_name(s.state), s.connects, s.gaps, s.events, s.requests, s.failed_requests, s.inspects,
		    s.lost[DOCKER_LOST_LATE], s.containers, s.networks, s.in_flight, s.queued, s.last_error);
	}
}

static void command(struct watch *w)
{
	char line[64];
	ssize_t n = read(0, line, sizeof(line) - 1);

	if (n <= 0) {
		close(0);
		return;
	}
	line[n] = '\0';
	if (!strncmp(line, "stats", 5))
		stats(w);
	if (strncmp(line, "kill-broker", 11) != 0)
		return;
	broker_end(w, SIGKILL);
	for (unsigned i = 0; i < w->count; i++)
		docker_client_broker_lost(w->dc[i], clock_mono_ns());
	if (broker_start(w) < 0)
		stop = 1;
	for (unsigned i = 0; i < w->count; i++)
		docker_client_broker_ready(w->dc[i], clock_mono_ns());
}

int main(int argc, char **argv)
{
	static struct watch w;
	uint64_t end_ns;

	if (argc < 3 || argc - 2 > MSG_ENGINES_MAX) {
		fprintf(stderr, "usage: docker_watch SECONDS SOCKET...\n");
		return 2;
	}
	log_init("docker_watch", LOG_LVL_DEBUG);
	signal(SIGTERM, on_term);
	signal(SIGPIPE, SIG_IGN);
	w.start_ns = clock_mono_ns();
	end_ns = w.start_ns + strtoull(argv[1], NULL, 10) * NSEC_PER_SEC;
	w.count = (unsigned)argc - 2;
	if (broker_start(&w) < 0)
		return 1;
	for (unsigned i = 0; i < w.count; i++) {
		w.paths[i] = argv[2 + i];
		w.dc[i] = docker_client_new(i, &ops, &w);
		docker_client_engine(w.dc[i], true, clock_mono_ns());
	}
	while (!stop && clock_mono_ns() < end_ns) {
		struct pollfd p[3] = { { .fd = w.keeper, .events = POLLIN }, { .fd = w.core, .events = POLLIN }, { .fd = 0, .events = POLLIN } };

		if (poll(p, 3, 50) < 0 && errno != EINTR)
			break;
		if (p[0].revents && keeper_read(&w) == 0)
			break;
		for (int n = 0; p[1].revents && n < 64 && core_read(&w) == 1; n++)
			;
		if (p[2].revents & (POLLIN | POLLHUP))
			command(&w);
		for (unsigned i = 0; i < w.count; i++)
			docker_client_tick(w.dc[i], clock_mono_ns());
	}
	stats(&w);
	broker_end(&w, 0);
	for (unsigned i = 0; i < w.count; i++)
		docker_client_free(w.dc[i]);
	return 0;
}
