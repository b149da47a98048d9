/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/monitor-pcap.h"

#include <byteswap.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAGIC = 0xa1b2c3d4, /* times in microseconds */
	MAGIC_NS = 0xa1b23c4d,
	MAGIC_NG = 0x0a0d0d0a, /* in either order of bytes */
	LINK_DBUS = 231,
	LINK_MASK = 0x0fffffff, /* above it: of the checksum of frames */
};

struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, size_max, link;
};

struct packet_header {
	uint32_t s, fraction, captured, size;
};

struct pcap {
	FILE *in;
	const char *path;
	bool is_swapped, is_ns, is_quiet;
	unsigned count;
};

/* ---- Writing ---- */

FILE *pcap_create(const char *path)
{
	const struct file_header header = {
		.magic = MAGIC,
		.major = 2,
		.minor = 4,
		.size_max = MESSAGE_MAX,
		.link = LINK_DBUS,
	};
	FILE *out = strcmp(path, "-") ? fopen(path, "wbe") : stdout;

	if (!out || fwrite(&header, sizeof(header), 1, out) != 1 || fflush(out) != 0) {
		fail("%s: %s", path, strerror(errno));
		return NULL;
	}
	return out;
}

void pcap_put(FILE *out, uint64_t time_us, const char *bytes, size_t size)
{
	const struct packet_header header = {
		.s = (uint32_t)(time_us / 1000000),
		.fraction = (uint32_t)(time_us % 1000000),
		.captured = (uint32_t)size,
		.size = (uint32_t)size,
	};

	fwrite(&header, sizeof(header), 1, out);
	fwrite(bytes, size, 1, out);
}

/* ---- Reading ---- */

static uint32_t swap(const struct pcap *pcap, uint32_t number)
{
	return pcap->is_swapped ? bswap_32(number) : number;
}

static int complain(const struct pcap *pcap, const char *what)
{
	if (!pcap->is_quiet)
		fail("%s: %s, after %u messages", pcap->path, what, pcap->count);
	return -1;
}

/* NULL, or why it cannot be read. */
static const char *read_header(struct pcap *pcap)
{
	static const char other[] = "this is no capture of D-Bus messages in the format pcap";
	struct file_header header;

	if (fread(&header, sizeof(header), 1, pcap->in) != 1)
		return other;
	if (header.magic == MAGIC_NG)
		return "this is pcapng, as Wireshark saves it; \"editcap -F pcap\" makes a pcap of "
		       "it";
	pcap->is_swapped = header.magic == bswap_32(MAGIC) || header.magic == bswap_32(MAGIC_NS);
	pcap->is_ns = swap(pcap, header.magic) == MAGIC_NS;
	if ((!pcap->is_ns && swap(pcap, header.magic) != MAGIC) ||
	    (swap(pcap, header.link) & LINK_MASK) != LINK_DBUS)
		return other;
	return NULL;
}

struct pcap *pcap_open(const char *path, bool is_quiet)
{
	struct pcap *pcap = need(calloc(1, sizeof(*pcap)));
	const char *why;

	pcap->path = path;
	pcap->is_quiet = is_quiet;
	pcap->in = strcmp(path, "-") ? fopen(path, "rbe") : stdin;
	why = pcap->in ? read_header(pcap) : strerror(errno);
	if (!why)
		return pcap;
	if (!is_quiet)
		fail("%s: %s", path, why);
	return pcap_close(pcap);
}

static int read_message(struct pcap *pcap, size_t size, DBusMessage **message)
{
	DBusError error = DBUS_ERROR_INIT;
	char *bytes = need(malloc(size + 1));
	int r = 1;

	if (fread(bytes, 1, size, pcap->in) != size)
		r = complain(pcap, "it is cut off");
	else if (!(*message = dbus_message_demarshal(bytes, (int)size, &error)))
		r = complain(pcap, "there is something that is no message");
	dbus_error_free(&error);
	free(bytes);
	return r;
}

int pcap_next(struct pcap *pcap, uint64_t *time_us, DBusMessage **message)
{
	struct packet_header header;
	size_t got = fread(&header, 1, sizeof(header), pcap->in);
	uint32_t fraction = swap(pcap, header.fraction), size = swap(pcap, header.captured);
	int r;

	if (got == 0)
		return 0;
	if (got < sizeof(header))
		return complain(pcap, "it is cut off");
	if (size > MESSAGE_MAX || size != swap(pcap, header.size))
		return complain(pcap, "a message is not all there");
	*time_us = (uint64_t)swap(pcap, header.s) * 1000000 +
		   (pcap->is_ns ? fraction / 1000 : fraction);
	r = read_message(pcap, size, message);
	pcap->count += r > 0;
	return r;
}

struct pcap *pcap_close(struct pcap *pcap)
{
	if (pcap && pcap->in && pcap->in != stdin)
		fclose(pcap->in);
	free(pcap);
	return NULL;
}
