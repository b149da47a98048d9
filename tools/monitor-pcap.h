/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captures: the classic format of libpcap, one message a packet, of the link type D-Bus. */
#pragma once

#include "tools/monitor.h"

enum { MESSAGE_MAX = 128 * 1024 * 1024 };

/* NULL: it was said why not. "-" is standard output. */
FILE *pcap_create(const char *path);
void pcap_put(FILE *out, uint64_t time_us, const char *bytes, size_t size);

struct pcap;

/* NULL: it was said why not, unless it is to be quiet. "-" is standard input. */
struct pcap *pcap_open(const char *path, bool is_quiet);
/* The next message, yours; 0 at the end; -1 if it was said what is wrong. */
int pcap_next(struct pcap *pcap, uint64_t *time_us, DBusMessage **message);
struct pcap *pcap_close(struct pcap *pcap);
