/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ring-evil MODE [ARGUMENTS]: what a hostile guest can do to a ring and to xenstore.
 *
 *   scribble           random indexes, orders, live and notify bytes, and random data
 *   mad                indexes that no ring can have, once, after the connection
 *   storm              events as fast as they go, without any data
 *   orders LEFT RIGHT  a ring page made by hand with these orders
 *   flap               connects and leaves, over and over
 *   offers COUNT       that many offers of rings that do not exist, renewed when consumed
 *   junk               an offer whose nodes are long and senseless, and ids that are none
 *   take DOMID PATH    as a bus does with an offer, but leaves it where it is
 *   pour FIRST THEN N  writes the file FIRST, then N times the file THEN, as fast as it goes and
 *                      through the largest ring; answers are thrown away; says "poured" at the end
 */
#include <stdbool.h>
#include <stdint.h>

#include "ring.h"

static uint32_t seed = 1;

static uint32_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static struct libxenvchan *connect_ring_of(size_t size)
{
	struct xs_handle *xs = ring_store();
	struct libxenvchan *vchan;
	char path[RING_PATH_SIZE];

	ring_new_path(xs, path);
	xs_close(xs);
	vchan = ring_offer(path, size, size);
	if (!ring_wait_accepted(vchan))
		exit(0);
	return vchan;
}

static struct libxenvchan *connect_ring(void)
{
	return connect_ring_of(65536);
}

static int scribble(char **arguments)
{
	struct libxenvchan *vchan = connect_ring();
	volatile uint32_t *words = (void *)vchan->ring;
	volatile uint8_t *bytes = (void *)vchan->ring;
	uint8_t *data = vchan->write.buffer;

	(void)arguments;
	ring_say("begun");
	for (uint32_t round = 0; round % 65536 || !ring_told_to_stop(0); round++) {
		words[next_random() % 4] =
			next_random() % 3 ? next_random() * 3u
					  : words[next_random() % 4] + next_random() % 70000;
		data[next_random() % 65536] = (uint8_t)next_random();
		if (round % 7 == 0)
			bytes[16 + next_random() % 4] = (uint8_t)next_random(); /* orders */
		if (round % 9 == 0)
			bytes[22 + next_random() % 2] = (uint8_t)next_random(); /* notify */
		if (round % 64 == 0)
			xenevtchn_notify(vchan->event, vchan->event_port);
	}
	return 0;
}

static int mad(char **arguments)
{
	struct libxenvchan *vchan = connect_ring();

	(void)arguments;
	vchan->ring->right.prod = vchan->ring->right.cons + 0x12345678;
	vchan->ring->left.cons = vchan->ring->left.prod + 0x12345678;
	xenevtchn_notify(vchan->event, vchan->event_port);
	ring_say("begun");
	while (!ring_told_to_stop(1000))
		;
	return 0;
}

static int storm(char **arguments)
{
	struct libxenvchan *vchan = connect_ring();

	(void)arguments;
	ring_say("begun");
	for (uint32_t round = 0; round % 4096 || !ring_told_to_stop(0); round++)
		xenevtchn_notify(vchan->event, vchan->event_port);
	return 0;
}

static int flap(char **arguments)
{
	unsigned count = 0;

	(void)arguments;
	ring_say("begun");
	while (!ring_told_to_stop(0)) {
		libxenvchan_close(connect_ring());
		if (++count == 10)
			ring_say("flapped");
	}
	return 0;
}

static void write_node(struct xs_handle *xs, const char *path, const char *name, const char *value)
{
	char node[2 * RING_PATH_SIZE];

	snprintf(node, sizeof(node), "%s/%s", path, name);
	/* Quotas may refuse it: that is xenstored's business. */
	xs_write(xs, XBT_NULL, node, value, (unsigned)strlen(value));
}

static void offer_nothing(struct xs_handle *xs, const char *path, const char *value)
{
	write_node(xs, path, "ring-ref", value);
	write_node(xs, path, "event-channel", value);
}

static int offers(char **arguments)
{
	struct xs_handle *xs = ring_store();
	unsigned long count = strtoul(arguments[0], NULL, 10);
	char path[RING_PATH_SIZE];

	for (unsigned long i = 0; i < count; i++) {
		ring_new_path(xs, path);
		offer_nothing(xs, path, "77777");
	}
	ring_say("begun");
	while (!ring_told_to_stop(1)) {
		ring_new_path(xs, path);
		offer_nothing(xs, path, "77777");
	}
	return 0;
}

static int take(char **arguments)
{
	struct libxenvchan *vchan = libxenvchan_client_init(NULL, atoi(arguments[0]), arguments[1]);

	if (!vchan)
		return 1;
	ring_say("begun");
	while (!ring_told_to_stop(1000))
		;
	libxenvchan_close(vchan);
	return 0;
}

static int junk(char **arguments)
{
	static const char *const ids[] = { "x",           "0123456789aB", "0123456789abc",
					   "0123456789a", "g00000000000", "error",
					   "-",           "0@0" };
	static const char *const values[] = { "",    "-1",   "0", "99999999999999999999",
					      "1 2", "0x10", "/", "%s%n" };
	struct xs_handle *xs = ring_store();
	char path[RING_PATH_SIZE], big[2048];

	(void)arguments;
	memset(big, '7', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		ring_new_path(xs, path);
		offer_nothing(xs, path, values[i]);
		strcpy(strrchr(path, '/') + 1, ids[i]);
		offer_nothing(xs, path, "8");
	}
	ring_new_path(xs, path);
	offer_nothing(xs, path, big);
	ring_new_path(xs, path);
	write_node(xs, path, "ring-ref", "8"); /* and no event channel */
	ring_say("begun");
	while (!ring_told_to_stop(1000))
		;
	return 0;
}

static int orders(char **arguments)
{
	xengntshr_handle *grants = xengntshr_open(NULL, 0);
	xenevtchn_handle *events = xenevtchn_open(NULL, 0);
	struct xs_handle *xs = ring_store();
	char path[RING_PATH_SIZE], text[16];
	struct vchan_interface *page;
	uint32_t ref, data_ref;
	int port;

	if (!grants || !events)
		ring_die("opening grants and events");
	port = xenevtchn_bind_unbound_port(events, 0);
	page = xengntshr_share_page_notify(grants, 0, &ref, 1, UINT32_MAX, (evtchn_port_t)port);
	if (!page || !xengntshr_share_pages(grants, 0, 1, &data_ref, 1))
		ring_die("sharing");
	page->left_order = (uint16_t)strtoul(arguments[0], NULL, 10);
	page->right_order = (uint16_t)strtoul(arguments[1], NULL, 10);
	page->cli_live = 2;
	page->srv_live = 1;
	/* One good page, named again and again. */
	for (int i = 0; i < 1000; i++)
		page->grants[i] = data_ref;
	ring_new_path(xs, path);
	snprintf(text, sizeof(text), "%u", ref);
	write_node(xs, path, "ring-ref", text);
	snprintf(text, sizeof(text), "%d", port);
	write_node(xs, path, "event-channel", text);
	ring_say("begun");
	while (!ring_told_to_stop(1000))
		;
	return 0;
}

static void throw_away(struct libxenvchan *vchan)
{
	static char bytes[65536];

	while (libxenvchan_read(vchan, bytes, sizeof(bytes)) > 0)
		;
}

static char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "r");
	char *bytes = malloc(1 << 20);

	if (!file || !bytes)
		ring_die(path);
	*size = fread(bytes, 1, 1 << 20, file);
	fclose(file);
	return bytes;
}

/* False if the daemon ended it, or if we were told to stop. */
static bool pour_bytes(struct libxenvchan *vchan, const char *bytes, size_t size)
{
	struct pollfd event = { .fd = libxenvchan_fd_for_select(vchan), .events = POLLIN };

	while (size) {
		int some = libxenvchan_write(vchan, bytes, size);

		if (some < 0 || !libxenvchan_is_open(vchan))
			return false;
		bytes += some;
		size -= (size_t)some;
		throw_away(vchan);
		if (some)
			continue;
		if (poll(&event, 1, 20) == 1)
			libxenvchan_wait(vchan);
		if (ring_told_to_stop(0))
			return false;
	}
	return true;
}

static int pour(char **arguments)
{
	struct libxenvchan *vchan = connect_ring_of(1 << 20);
	unsigned long times = strtoul(arguments[2], NULL, 10);
	size_t first_size, then_size;
	char *first = read_file(arguments[0], &first_size);
	char *then = read_file(arguments[1], &then_size);
	bool goes_on = pour_bytes(vchan, first, first_size);

	ring_say("begun");
	for (; goes_on && times; times--)
		goes_on = pour_bytes(vchan, then, then_size);
	if (goes_on)
		ring_say("poured");
	while (!ring_told_to_stop(20))
		throw_away(vchan);
	free(first);
	free(then);
	libxenvchan_close(vchan);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct mode {
		const char *name;
		int (*run)(char **arguments);
		int arguments;
	} modes[] = {
		{ "scribble", scribble, 0 }, { "mad", mad, 0 },   { "storm", storm, 0 },
		{ "orders", orders, 2 },     { "flap", flap, 0 }, { "offers", offers, 1 },
		{ "junk", junk, 0 },         { "pour", pour, 3 }, { "take", take, 2 },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (!strcmp(argv[1], modes[i].name) && argc == 2 + modes[i].arguments)
			return modes[i].run(argv + 2);
	}
	fputs("usage: ring-evil MODE [ARGUMENTS]\n", stderr);
	return 2;
}
