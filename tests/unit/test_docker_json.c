/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Engine JSON, from small texts of our own; where the shared collection of real answers is present, from that too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "sensor/watch/docker_json.h"

#define SHARED "/work/shared/data/dockerjson/"
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NET "h5ppnal0xtsysobyt6rpmnlzs"

static const char *text_of(const uint8_t a[16])
{
	static char buf[4][INET6_ADDRSTRLEN];
	static unsigned n;
	static const uint8_t none[16];
	char *out = buf[n++ % 4];

	if (!memcmp(a, none, 16))
		return "";
	if (a[10] == 0xff && a[11] == 0xff)
		return inet_ntop(AF_INET, a + 12, out, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, a, out, INET6_ADDRSTRLEN);
}

static const char *mac_of(const uint8_t m[6])
{
	static char buf[18];

	snprintf(buf, sizeof(buf), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return buf;
}

static int container(const char *text, struct ident_container *c)
{
	memset(c, 0, sizeof(*c));
	return docker_json_container(text, strlen(text), 3, c);
}

static void test_container_all_fields(void **state)
{
	static const char text[] =
		"{\"Id\":\"" ID "\",\"Created\":\"2026-11-21T19:45:12.5Z\",\"Name\":\"/web\",\"Image\":\"sha256:15\","
		"\"State\":{\"Status\":\"running\",\"Running\":true,\"Pid\":763,\"StartedAt\":\"1970-01-01T00:00:01.000000002Z\"},"
		"\"HostConfig\":{\"NetworkMode\":\"ovl1\"},"
		"\"Config\":{\"Hostname\":\"webhost\",\"Image\":\"demo/stack:1\",\"Labels\":{\"com.docker.compose.project\":\"shop\","
		"\"com.docker.compose.service\":\"web\",\"com.docker.swarm.service.name\":\"s\",\"com.docker.swarm.service.id\":\"sid\","
		"\"com.docker.swarm.task.name\":\"s.1.x\",\"com.docker.stack.namespace\":\"st\",\"other\":\"y\"}},"
		"\"NetworkSettings\":{\"SandboxKey\":\"/var/run/docker/netns/974b2f498be9\","
		"\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"},{\"HostIp\":\"::\",\"HostPort\":\"8080\"}],"
		"\"53/udp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"5300\"}],\"443/tcp\":null,\"x/tcp\":[{\"HostPort\":\"1\"}],"
		"\"70000/tcp\":[{\"HostPort\":\"1\"}]},"
		"\"Networks\":{\"ovl1\":{\"NetworkID\":\"" NET "\",\"IPAddress\":\"10.0.9.2\",\"GlobalIPv6Address\":\"fd00::2\","
		"\"Gateway\":\"10.0.9.1\",\"MacAddress\":\"02:42:0a:00:09:02\"},"
		"\"second\":{\"NetworkID\":\"../x\",\"IPAddress\":\"nonsense\",\"MacAddress\":\"02:42\"}}}}";
	struct ident_container c;

	assert_int_equal(container(text, &c), 0);
	assert_string_equal(c.id, ID);
	assert_int_equal(c.engine, 3);
	assert_string_equal(c.name, "web");
	assert_string_equal(c.image, "demo/stack:1");
	assert_string_equal(c.image_id, "sha256:15");
	assert_string_equal(c.hostname, "webhost");
	assert_string_equal(c.sandbox_name, "974b2f498be9");
	assert_string_equal(c.network_mode, "ovl1");
	assert_string_equal(c.compose_project, "shop");
	assert_string_equal(c.compose_service, "web");
	assert_string_equal(c.swarm_service, "s");
	assert_string_equal(c.swarm_service_id, "sid");
	assert_string_equal(c.swarm_task, "s.1.x");
	assert_string_equal(c.swarm_stack, "st");
	assert_int_equal(c.state, IDENT_RUNNING);
	assert_int_equal(c.pid, 763);
	assert_true(c.started_wall_ns == 1000000002ULL);
	assert_true(c.created_wall_ns % 1000000000ULL == 500000000ULL);
	assert_int_equal(c.port_count, 3);
	assert_int_equal(c.endpoint_count, 2);
	assert_string_equal(c.endpoints[0].network_id, NET);
	assert_string_equal(c.endpoints[0].network_name, "ovl1");
	assert_string_equal(text_of(c.endpoints[0].addr4), "10.0.9.2");
	assert_string_equal(text_of(c.endpoints[0].addr6), "fd00::2");
	assert_string_equal(text_of(c.endpoints[0].gateway4), "10.0.9.1");
	assert_string_equal(mac_of(c.endpoints[0].mac), "02:42:0a:00:09:02");
	assert_string_equal(c.endpoints[1].network_id, "");
	assert_string_equal(text_of(c.endpoints[1].addr4), "");
	assert_string_equal(mac_of(c.endpoints[1].mac), "00:00:00:00:00:00");
}

static void test_container_hostile(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *name;
	} cases[] = {
		{ "", -EBADMSG, NULL },
		{ "null", -EBADMSG, NULL },
		{ "[null]", -EBADMSG, NULL },
		{ "[]", -EBADMSG, NULL },
		{ "{}", -EBADMSG, NULL },
		{ "{\"Id\":\"a\"}", -EBADMSG, NULL },
		{ "{\"Id\":\"../../etc/passwd\"}", -EBADMSG, NULL },
		{ "{\"Id\":\"0123456789ab/\"}", -EBADMSG, NULL },
		{ "{\"Id\":7}", -EBADMSG, NULL },
		{ "{\"Id\":\"0123456789ab\"}", 0, "" },
		{ "[{\"Id\":\"0123456789ab\",\"Name\":\"/x\"}]", 0, "x" },
		{ "{\"Id\":\"0123456789ab\",\"Name\":{},\"State\":[],\"NetworkSettings\":7,\"Config\":null}", 0, "" },
		{ "{\"Id\":\"0123456789ab\",\"Name\":\"/a\\u0000b\"}", 0, "a?b" },
		{ "{\"Id\":\"0123456789ab\",\"Name\":\"/a\\nb\\u007f\"}", 0, "a?b?" },
		{ "{\"Id\":\"0123456789ab\",\"Name\":\"/a\\\\u0000\"}", 0, "a\\u0000" },
		{ "{\"Id\":\"0123456789ab\",\"Name\":\"/ok\",\"Config\":{\"Labels\":{\"x\\u0000\":\"y\"}}}", 0, "ok" },
		{ "{\"Id\":\"0123456789ab\",\"Name\":\"/\xc3\xa9\"}", 0, "\xc3\xa9" },
		{ "{\"Id\":\"0123456789ab\",\"Name\":\"/a\",\"Name\":\"/b\"}", 0, "b" },
		{ "{\"Id\":\"0123456789ab\"} trailing", -EBADMSG, NULL },
	};
	struct ident_container c;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(container(cases[i].text, &c), cases[i].r);
		if (cases[i].name)
			assert_string_equal(c.name, cases[i].name);
	}
}

static void test_container_states(void **state)
{
	static const struct {
		const char *text;
		enum ident_state state;
		uint32_t pid;
	} cases[] = {
		{ "\"Status\":\"running\",\"Pid\":-5", IDENT_RUNNING, 0 },
		{ "\"Status\":\"running\",\"Pid\":99999999999", IDENT_RUNNING, 0 },
		{ "\"Status\":\"running\",\"Pid\":\"7\"", IDENT_RUNNING, 0 },
		{ "\"Status\":\"paused\",\"Pid\":7", IDENT_PAUSED, 7 },
		{ "\"Status\":\"exited\",\"Pid\":7", IDENT_EXITED, 0 },
		{ "\"Status\":\"created\"", IDENT_CREATED, 0 },
		{ "\"Status\":\"configured\"", IDENT_CREATED, 0 },
		{ "\"Status\":\"removing\"", IDENT_REMOVED, 0 },
		{ "\"Status\":\"never heard of\"", IDENT_EXITED, 0 },
		{ "\"Running\":true,\"Pid\":8", IDENT_RUNNING, 8 },
		{ "\"Running\":true,\"Paused\":true,\"Pid\":8", IDENT_PAUSED, 8 },
	};
	struct ident_container c;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), "{\"Id\":\"0123456789ab\",\"State\":{%s}}", cases[i].text);
		assert_int_equal(container(text, &c), 0);
		assert_int_equal(c.state, cases[i].state);
		assert_int_equal(c.pid, cases[i].pid);
	}
}

/* Longer than our arrays: cut, at a character boundary. */
static void test_container_long(void **state)
{
	char name[900], text[2000];
	struct ident_container c;

	for (size_t i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[sizeof(name) - 2] = '\0';
	snprintf(text, sizeof(text), "{\"Id\":\"" ID "\",\"Name\":\"/a%s\",\"NetworkSettings\":{\"SandboxKey\":\"/x/%s\"}}", name, name);
	assert_int_equal(container(text, &c), 0);
	assert_int_equal(strlen(c.name), 255);
	assert_int_equal(c.name[0], 'a');
	assert_string_equal(c.sandbox_name, "");
	assert_int_equal(container("{\"Id\":\"" ID "\",\"NetworkSettings\":{\"SandboxKey\":\"/x/..\"}}", &c), 0);
	assert_string_equal(c.sandbox_name, "");
}

static void test_container_many_networks(void **state)
{
	static char text[20000];
	struct ident_container c;
	size_t n = (size_t)snprintf(text, sizeof(text), "{\"Id\":\"" ID "\",\"NetworkSettings\":{\"Networks\":{");

	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"n%d\":{\"IPAddress\":\"10.0.0.%d\"}", i ? "," : "", i, i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "},\"Ports\":{");
	for (int i = 1; i < 200; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"%d/tcp\":[{\"HostPort\":\"%d\"}]", i > 1 ? "," : "", i, i);
	snprintf(text + n, sizeof(text) - n, "}}}");
	assert_int_equal(container(text, &c), 0);
	assert_int_equal(c.endpoint_count, IDENT_ENDPOINTS_MAX);
	assert_int_equal(c.port_count, IDENT_PORTS_MAX);
}

struct list {
	unsigned n;
	struct ident_container c[8];
	struct ident_network net[8];
};

static void on_container(const struct ident_container *c, void *arg)
{
	struct list *l = arg;

	if (l->n < 8)
		l->c[l->n] = *c;
	l->n++;
}

static void test_list(void **state)
{
	static const char text[] =
		"[{\"Id\":\"" ID "\",\"Names\":[\"/db/alias\",\"/web\"],\"Image\":\"i\",\"ImageID\":\"sha256:1\",\"Created\":12,\"State\":\"running\","
		"\"Labels\":{\"com.docker.compose.project\":\"p\"},\"Ports\":[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},"
		"{\"PrivatePort\":443,\"Type\":\"tcp\"}],\"HostConfig\":{\"NetworkMode\":\"default\"},"
		"\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"NetworkID\":\"" ID2 "\",\"IPAddress\":\"172.17.0.2\"}}}},"
		"null,7,{\"Id\":\"no\"},{\"Id\":\"" ID2 "\",\"Names\":null,\"State\":\"exited\"}]";
	static struct list l;

	assert_int_equal(docker_json_containers(text, strlen(text), 1, on_container, &l), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.c[0].name, "web");
	assert_int_equal(l.c[0].state, IDENT_RUNNING);
	assert_int_equal(l.c[0].port_count, 1);
	assert_int_equal(l.c[0].ports[0].host_port, 8080);
	assert_string_equal(text_of(l.c[0].endpoints[0].addr4), "172.17.0.2");
	assert_true(l.c[0].created_wall_ns == 12000000000ULL);
	assert_int_equal(l.c[1].state, IDENT_EXITED);
	assert_int_equal(docker_json_containers("{}", 2, 1, on_container, &l), -EBADMSG);
}

static void test_network_verbose(void **state)
{
	static const char text[] =
		"{\"Name\":\"ovl1\",\"Id\":\"" NET "\",\"Scope\":\"swarm\",\"Driver\":\"overlay\",\"Attachable\":true,"
		"\"IPAM\":{\"Config\":[{\"Subnet\":\"10.0.9.0/24\",\"Gateway\":\"10.0.9.1\"},{\"Subnet\":\"bad\"},{\"Subnet\":\"fd00:28::/64\"}]},"
		"\"Containers\":{\"" ID "\":{\"Name\":\"web\",\"MacAddress\":\"02:42:0a:00:09:02\",\"IPv4Address\":\"10.0.9.2/24\",\"IPv6Address\":\"\"},"
		"\"ep-0123456789abcdef\":{\"Name\":\"soon\",\"IPv4Address\":\"10.0.9.8/24\"},\"lb-ovl1\":{\"Name\":\"ovl1-endpoint\",\"IPv4Address\":\"10.0.9.3/24\"}},"
		"\"Options\":{\"com.docker.network.driver.overlay.vxlanid_list\":\"4097,4099\",\"encrypted\":\"\"},"
		"\"Peers\":[{\"Name\":\"a\",\"IP\":\"192.168.99.1\"},{\"Name\":\"b\",\"IP\":\"192.168.99.2\"}],"
		"\"Services\":{\"\":{\"VIP\":\"<nil>\",\"Tasks\":[{\"Name\":\"web\",\"EndpointIP\":\"10.0.9.2\",\"Info\":{\"Host IP\":\"192.168.99.1\"}},"
		"{\"Name\":\"client\",\"EndpointIP\":\"10.0.9.9\",\"Info\":{\"Host IP\":\"192.168.99.2\"}},{\"Name\":\"\",\"EndpointIP\":\"10.0.9.10\"},"
		"{\"Name\":\"x\",\"EndpointIP\":\"\"},null]},\"svc\":{\"VIP\":\"10.0.9.11\",\"Tasks\":[{\"Name\":\"svc.1.x\",\"EndpointIP\":\"10.0.9.12\","
		"\"Info\":{\"Host IP\":\"192.168.99.2\"}}]}}}";
	struct docker_network *n = NULL;

	assert_int_equal(docker_json_network(text, strlen(text), 2, &n), 0);
	assert_string_equal(n->net.name, "ovl1");
	assert_string_equal(n->net.driver, "overlay");
	assert_int_equal(n->net.engine, 2);
	assert_int_equal(n->net.vni, 4097);
	assert_true(n->net.attachable && n->net.encrypted && !n->net.internal);
	assert_int_equal(n->net.subnet_count, 2);
	assert_int_equal(n->net.subnets[0].prefix_len, 120);
	assert_int_equal(n->net.subnets[1].prefix_len, 64);
	assert_string_equal(text_of(n->net.subnets[0].gateway), "10.0.9.1");
	assert_int_equal(n->peer_count, 2);
	assert_int_equal(n->member_count, 3);
	assert_string_equal(n->members[0].id, ID);
	assert_string_equal(text_of(n->members[0].addr4), "10.0.9.2");
	assert_string_equal(n->members[1].id, "");
	assert_true(!n->members[1].own && n->members[2].own && !n->members[0].own);
	assert_int_equal(n->remote_count, 3);
	assert_string_equal(n->remotes[0].name, "client");
	assert_string_equal(n->remotes[0].node, "192.168.99.2");
	assert_string_equal(n->remotes[1].name, "svc");
	assert_string_equal(n->remotes[1].node, "");
	assert_true(n->remotes[1].vip && !n->remotes[0].vip);
	assert_string_equal(text_of(n->remotes[1].addr), "10.0.9.11");
	assert_string_equal(n->remotes[2].name, "svc.1.x");
	docker_network_free(n);
	docker_network_free(NULL);
}

static void on_network(const struct ident_network *n, void *arg)
{
	struct list *l = arg;

	if (l->n < 8)
		l->net[l->n] = *n;
	l->n++;
}

static void test_networks(void **state)
{
	static const char text[] =
		"[{\"Name\":\"bridge\",\"Id\":\"" ID "\",\"Driver\":\"bridge\",\"Options\":{\"com.docker.network.bridge.name\":\"docker0\"}},"
		"{\"Name\":\"n1\",\"Id\":\"" ID2 "\",\"Driver\":\"bridge\",\"Options\":{}},{\"Name\":\"host\",\"Id\":\"" ID2 "\",\"Driver\":\"host\"},[]]";
	static struct list l;

	assert_int_equal(docker_json_networks(text, strlen(text), 0, on_network, &l), 0);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.net[0].bridge_name, "docker0");
	assert_string_equal(l.net[1].bridge_name, "br-1123456789ab");
	assert_string_equal(l.net[2].bridge_name, "");
}

static void test_event(void **state)
{
	static const char connect[] =
		"{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"" NET "\",\"Attributes\":{\"container\":\"" ID
		"\",\"name\":\"ovl1\",\"type\":\"overlay\"}},\"scope\":\"local\",\"time\":1795290313,\"timeNano\":1795290313590226794}";
	static const char create[] =
		"{\"status\":\"create\",\"id\":\"" ID "\",\"from\":\"i\",\"Type\":\"container\",\"Action\":\"create\",\"Actor\":{\"ID\":\"" ID
		"\",\"Attributes\":{\"image\":\"demo/x\",\"name\":\"web\",\"com.docker.compose.project\":\"shop\"}},\"time\":5}";
	static const char exec[] = "{\"Type\":\"container\",\"Action\":\"exec_create: sh -c 'x: y'\",\"Actor\":{\"ID\":\"" ID "\"}}";
	static const char *const bad[] = {
		"", "{}", "[]", "{\"Type\":\"container\",\"Action\":\"start\"}", "{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"..\"}}",
		"{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"a/b/c/d/e/f/g\"}}", "{\"Type\":\"container\"", "7",
	};
	struct docker_event ev;

	assert_int_equal(docker_json_event(connect, strlen(connect), 1, &ev), 0);
	assert_string_equal(ev.type, "network");
	assert_string_equal(ev.action, "connect");
	assert_string_equal(ev.id, NET);
	assert_string_equal(ev.container, ID);
	assert_string_equal(ev.driver, "overlay");
	assert_string_equal(ev.name, "ovl1");
	assert_true(ev.time_ns == 1795290313590226794ULL);
	assert_int_equal(docker_json_event(create, strlen(create), 1, &ev), 0);
	assert_string_equal(ev.partial.id, ID);
	assert_string_equal(ev.partial.name, "web");
	assert_string_equal(ev.partial.image, "demo/x");
	assert_string_equal(ev.partial.compose_project, "shop");
	assert_true(ev.time_ns == 5000000000ULL);
	assert_int_equal(docker_json_event(exec, strlen(exec), 1, &ev), 0);
	assert_string_equal(ev.action, "exec_create");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(docker_json_event(bad[i], strlen(bad[i]), 1, &ev), -EBADMSG);
}

static void test_version_and_info(void **state)
{
	static const char version[] = "{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\",\"Components\":[{\"Name\":\"Engine\"}]}";
	static const char podman[] = "{\"Version\":\"5.0\",\"ApiVersion\":\"1.41\",\"Components\":[{\"Name\":\"Podman Engine\"}]}";
	static const char info[] =
		"{\"ID\":\"AB:CD\",\"Name\":\"node1\",\"Driver\":\"overlay2\",\"CgroupDriver\":\"systemd\",\"CgroupVersion\":\"2\",\"ContainersRunning\":3,"
		"\"LiveRestoreEnabled\":true,\"SecurityOptions\":[\"name=seccomp,profile=default\",\"name=rootless\"],"
		"\"Swarm\":{\"NodeID\":\"vrds29t0uo2xu3kx84flv1vvf\",\"NodeAddr\":\"192.168.99.1\",\"LocalNodeState\":\"active\",\"ControlAvailable\":true}}";
	struct docker_engine_info i = { 0 };

	assert_int_equal(docker_json_version(version, strlen(version), &i), 0);
	assert_string_equal(i.api_version, "1.41");
	assert_string_equal(i.min_api_version, "1.12");
	assert_false(i.podman);
	assert_int_equal(docker_json_info(info, strlen(info), &i), 0);
	assert_string_equal(i.name, "node1");
	assert_true(i.rootless && !i.userns && i.live_restore && i.swarm_active && i.swarm_manager);
	assert_string_equal(i.swarm_node_addr, "192.168.99.1");
	assert_string_equal(i.version, "20.10.24");
	assert_int_equal(docker_json_version(podman, strlen(podman), &i), 0);
	assert_true(i.podman);
	assert_int_equal(docker_json_version("{}", 2, &i), -EBADMSG);
	assert_int_equal(docker_json_info("[]", 2, &i), -EBADMSG);
}

static void on_task(const struct docker_task *t, void *arg)
{
	*(struct docker_task *)arg = *t;
}

static void on_service(const struct docker_service *s, void *arg)
{
	*(struct docker_service *)arg = *s;
}

static void on_node(const struct docker_node *n, void *arg)
{
	*(struct docker_node *)arg = *n;
}

static void test_swarm(void **state)
{
	static const char tasks[] =
		"[{\"ID\":\"pcgw4xesb2m3vab3hizgntt9e\",\"ServiceID\":\"sl27t0klawdd1rrthy5qaezxk\",\"Slot\":2,\"NodeID\":\"8i0tbknbpzfy0m4xjykagdciq\","
		"\"Status\":{\"State\":\"running\"},\"NetworksAttachments\":[{\"Network\":{\"ID\":\"" NET "\"},\"Addresses\":[\"10.0.9.12/24\",\"x\"]}]},null]";
	static const char services[] =
		"[{\"ID\":\"sl27t0klawdd1rrthy5qaezxk\",\"Spec\":{\"Name\":\"svc\"},\"Endpoint\":{\"VirtualIPs\":[{\"NetworkID\":\"" NET
		"\",\"Addr\":\"10.0.9.11/24\"},{\"NetworkID\":\"b74hb9z2b9uufgcid69px7532\"}]}}]";
	static const char nodes[] =
		"[{\"ID\":\"8i0tbknbpzfy0m4xjykagdciq\",\"Description\":{\"Hostname\":\"node2\"},\"Status\":{\"Addr\":\"192.168.99.2\"}}]";
	struct docker_service s = { 0 };
	struct docker_node n = { 0 };
	struct docker_task t = { 0 };

	assert_int_equal(docker_json_tasks(tasks, strlen(tasks), on_task, &t), 0);
	assert_string_equal(t.service_id, "sl27t0klawdd1rrthy5qaezxk");
	assert_int_equal(t.slot, 2);
	assert_true(t.running);
	assert_int_equal(t.attachment_count, 1);
	assert_string_equal(text_of(t.attachments[0].addr), "10.0.9.12");
	assert_int_equal(docker_json_services(services, strlen(services), on_service, &s), 0);
	assert_string_equal(s.name, "svc");
	assert_int_equal(s.vip_count, 1);
	assert_int_equal(docker_json_nodes(nodes, strlen(nodes), on_node, &n), 0);
	assert_string_equal(n.name, "node2");
	assert_string_equal(n.addr, "192.168.99.2");
	assert_int_equal(docker_json_nodes("{}", 2, on_node, &n), -EBADMSG);
}

static void test_time(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{ "1970-01-01T00:00:01Z", 1000000000ULL },
		{ "1970-01-01T00:00:01.5Z", 1500000000ULL },
		{ "1970-01-01T02:00:01+02:00", 1000000000ULL },
		{ "1969-12-31T23:00:01-01:00", 0 },
		{ "1970-01-01T00:00:01.123456789123Z", 1123456789ULL },
		{ "0001-01-01T00:00:00Z", 0 },
		{ "2026-11-21T19:45:13Z", 1795290313000000000ULL },
		{ "2026-11-21", 0 },
		{ "2026-11-21T19:45:13", 0 },
		{ "2026-11-21T19:45:13Zx", 0 },
		{ "2026-99-21T19:45:13Z", 0 },
		{ "", 0 },
		{ NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_true(docker_json_time_ns(cases[i].text) == cases[i].ns);
}

static void test_addr(void **state)
{
	static const struct {
		const char *text, *addr; /* NULL: refused */
		uint8_t prefix;
	} cases[] = {
		{ "10.0.9.2/24", "10.0.9.2", 120 }, { "10.0.9.2", "10.0.9.2", 128 }, { "fd00::1/64", "fd00::1", 64 }, { "::1", "::1", 128 },
		{ "10.0.9.2/33", NULL, 0 },	    { "10.0.9.2/", NULL, 0 },	     { "fd00::1/129", NULL, 0 },      { "10.0.9", NULL, 0 },
		{ "", NULL, 0 },		    { "<nil>", NULL, 0 },	     { "/24", NULL, 0 },	      { "10.0.9.2/2x", NULL, 0 },
		{ NULL, NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t a[16] = { 0 }, p = 0;

		assert_int_equal(docker_json_addr(cases[i].text, a, &p), cases[i].addr != NULL);
		assert_string_equal(text_of(a), cases[i].addr ? cases[i].addr : "");
		assert_int_equal(p, cases[i].prefix);
	}
}

/* ---- the shared collection ------------------------------------------------------------------------------ */

static char *slurp(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "r");
	char *buf;

	if (!f)
		return NULL;
	buf = malloc(1 << 22);
	*ret_len = buf ? fread(buf, 1, 1 << 22, f) : 0;
	fclose(f);
	return buf;
}

static const struct ident_endpoint *endpoint(const struct ident_container *c, const char *name)
{
	for (unsigned i = 0; i < c->endpoint_count; i++)
		if (!strcmp(c->endpoints[i].network_name, name))
			return &c->endpoints[i];
	return NULL;
}

static const char *str(json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static void compare(json_t *ref, const struct ident_container *c)
{
	const char *name = str(ref, "name"), *net;
	json_t *e;

	assert_string_equal(c->id, str(ref, "id"));
	assert_string_equal(c->name, name + (*name == '/'));
	assert_string_equal(c->image, str(ref, "image"));
	assert_string_equal(c->image_id, str(ref, "image_id"));
	assert_string_equal(c->network_mode, str(ref, "network_mode"));
	assert_int_equal(c->pid, json_integer_value(json_object_get(ref, "pid")));
	assert_int_equal(c->state == IDENT_RUNNING, json_is_true(json_object_get(ref, "running")));
	assert_int_equal(c->endpoint_count, json_object_size(json_object_get(ref, "networks")));
	assert_int_equal(c->port_count, json_array_size(json_object_get(ref, "published")));
	assert_string_equal(c->compose_project, str(json_object_get(ref, "labels"), "com.docker.compose.project"));
	json_object_foreach(json_object_get(ref, "networks"), net, e) {
		const struct ident_endpoint *ep = endpoint(c, net);

		assert_non_null(ep);
		assert_string_equal(text_of(ep->addr4), str(e, "ip"));
		assert_string_equal(text_of(ep->addr6), str(e, "ip6"));
		if (*str(e, "mac"))
			assert_string_equal(mac_of(ep->mac), str(e, "mac"));
	}
}

static void test_shared_containers(void **state)
{
	glob_t g;
	unsigned n = 0;

	if (glob(SHARED "ref/*.json", 0, NULL, &g) != 0) {
		print_message("# no shared data, only our own texts were read\n");
		return;
	}
	for (size_t i = 0; i < g.gl_pathc; i++) {
		_cleanup_free_ char *buf = NULL;
		const char *base = strrchr(g.gl_pathv[i], '/') + 1, *sep = strstr(base, "__");
		json_t *ref = json_load_file(g.gl_pathv[i], 0, NULL), *first;
		struct ident_container c;
		char path[512];
		size_t len;

		assert_non_null(sep);
		snprintf(path, sizeof(path), SHARED "%.*s/%s", (int)(sep - base), base, sep + 2);
		buf = slurp(path, &len);
		first = json_is_array(ref) ? json_array_get(ref, 0) : ref;
		assert_non_null(buf);
		assert_int_equal(docker_json_container(buf, len, 0, &c), 0);
		compare(first, &c);
		json_decref(ref);
		n++;
	}
	globfree(&g);
	print_message("# %u real container answers compared\n", n);
}

static void any_container(const struct ident_container *c, void *arg)
{
}

static void any_network(const struct ident_network *n, void *arg)
{
}

/* Whatever it is, every reader gets it: it may refuse, it must not fall. */
static void read_all(const char *buf, size_t len)
{
	struct docker_engine_info info = { 0 };
	struct docker_network *n = NULL;
	struct ident_container c;
	struct docker_event ev;
	struct docker_task t;
	struct docker_service s;
	struct docker_node d;

	(void)docker_json_container(buf, len, 0, &c);
	(void)docker_json_containers(buf, len, 0, any_container, NULL);
	if (docker_json_network(buf, len, 0, &n) == 0)
		docker_network_free(n);
	(void)docker_json_networks(buf, len, 0, any_network, NULL);
	(void)docker_json_event(buf, len, 0, &ev);
	(void)docker_json_version(buf, len, &info);
	(void)docker_json_info(buf, len, &info);
	(void)docker_json_tasks(buf, len, on_task, &t);
	(void)docker_json_services(buf, len, on_service, &s);
	(void)docker_json_nodes(buf, len, on_node, &d);
}

static void test_shared_everything(void **state)
{
	static const char *const dirs[] = { "malformed", "api", "network-inspect", "image-inspect", "oci-runtime", "cli" };

	for (size_t k = 0; k < ARRAY_SIZE(dirs); k++) {
		char pattern[256];
		glob_t g;

		snprintf(pattern, sizeof(pattern), SHARED "%s/*", dirs[k]);
		if (glob(pattern, 0, NULL, &g) != 0)
			return;
		for (size_t i = 0; i < g.gl_pathc; i++) {
			_cleanup_free_ char *buf = NULL;
			size_t len;

			buf = slurp(g.gl_pathv[i], &len);
			assert_non_null(buf);
			read_all(buf, len);
		}
		globfree(&g);
	}
}

static void test_shared_events(void **state)
{
	FILE *f = fopen(SHARED "cli/docker_events_node1.jsonl", "r");
	static char line[65536];
	struct docker_event ev;

	while (f && fgets(line, sizeof(line), f)) {
		assert_int_equal(docker_json_event(line, strlen(line), 0, &ev), 0);
		assert_true(ev.time_ns != 0);
	}
	if (f)
		fclose(f);
}

static void test_shared_network(void **state)
{
	_cleanup_free_ char *buf = NULL;
	struct docker_network *n = NULL;
	size_t len;

	buf = slurp(SHARED "network-inspect/ovl1.json", &len);
	if (!buf)
		return;
	assert_int_equal(docker_json_network(buf, len, 0, &n), 0);
	assert_int_equal(n->member_count, 8);
	assert_int_equal(n->remote_count, 1);
	assert_string_equal(n->remotes[0].name, "client");
	assert_string_equal(n->remotes[0].node, "192.168.99.2");
	assert_int_equal(n->net.vni, 4097);
	docker_network_free(n);
}

static void test_start(void **state)
{
	static const char text[] = "{\"Id\":\"" ID "\",\"Path\":\"/entry\",\"Args\":[\"a b\",\"\",1],\"Config\":{\"Env\":[\"A=1\",\"B=x\\u0000y\"],"
		"\"WorkingDir\":\"/w\",\"User\":\"u\",\"ExposedPorts\":{\"80/tcp\":{}},\"Cmd\":[\"not this\"],\"Healthcheck\":{\"Test\":[\"CMD\",\"curl\",\"-f\"]},"
		"\"Labels\":{\"com.docker.compose.depends_on\":\"db:service_started:false,cache\"}},\"HostConfig\":{\"Links\":[\"/db:/web/d\"]},"
		"\"Mounts\":[{\"Destination\":\"/data\"},{\"Source\":\"/run/docker.sock\",\"Destination\":\"/x\"},{\"Source\":7,\"Destination\":\"/y\"}],\"NetworkSettings\":{\"Networks\":{\"n\":{\"Aliases\":[\"web\"],\"Links\":[\"x:y\"]}}}}";
	struct docker_start *s = NULL;
	const char *t;

	assert_int_equal(docker_json_start(text, strlen(text), &s), 0);
	assert_int_equal(s->words.count, 3);
	assert_string_equal(t = docker_texts_next(&s->words, NULL), "/entry");
	assert_string_equal(t = docker_texts_next(&s->words, t), "a b");
	assert_string_equal(t = docker_texts_next(&s->words, t), "");
	assert_null(docker_texts_next(&s->words, t));
	assert_string_equal(docker_texts_next(&s->env, NULL), "A=1");
	assert_string_equal(docker_texts_next(&s->exposed, NULL), "80/tcp");
	assert_string_equal(t = docker_texts_next(&s->links, NULL), "/db:/web/d");
	assert_string_equal(docker_texts_next(&s->links, t), "x:y");
	assert_string_equal(t = docker_texts_next(&s->depends, NULL), "db");
	assert_string_equal(docker_texts_next(&s->depends, t), "cache");
	assert_string_equal(docker_texts_next(&s->volumes, NULL), "/data");
	assert_string_equal(t = docker_texts_next(&s->sockets, NULL), "/run/docker.sock");
	assert_string_equal(t = docker_texts_next(&s->sockets, t), "/x");
	assert_null(docker_texts_next(&s->sockets, t));
	assert_string_equal(docker_texts_next(&s->aliases, NULL), "web");
	assert_string_equal(s->cwd, "/w");
	assert_string_equal(s->health, "curl -f");
	docker_start_free(s);
	assert_int_equal(docker_json_start("[]", 2, &s), -EBADMSG);
	assert_int_equal(docker_json_start("{}", 2, &s), 0);
	assert_null(docker_texts_next(&s->words, NULL));
	docker_start_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container_all_fields), cmocka_unit_test(test_container_hostile),
		cmocka_unit_test(test_container_states),     cmocka_unit_test(test_container_long),
		cmocka_unit_test(test_container_many_networks), cmocka_unit_test(test_list),
		cmocka_unit_test(test_network_verbose),	     cmocka_unit_test(test_networks),
		cmocka_unit_test(test_event),		     cmocka_unit_test(test_version_and_info),
		cmocka_unit_test(test_swarm),		     cmocka_unit_test(test_time),
		cmocka_unit_test(test_addr),		     cmocka_unit_test(test_shared_containers),
		cmocka_unit_test(test_shared_everything),    cmocka_unit_test(test_shared_events),
		cmocka_unit_test(test_shared_network),	     cmocka_unit_test(test_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
