/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/stream-vchan.h"

#include <errno.h>
#include <fcntl.h>
#include <libxenvchan.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/dead-port.h"
#include "common/list.h"

enum {
	PAGE = 4096,
	PAGE_ORDER = 12,
	IN_PAGE_SMALL = 1024, /* rings that libxenvchan puts into the control page */
	IN_PAGE_LARGE = 2048,
	ORDER_MIN = 10,
	ORDER_MAX = 20,
	GATHER_SIZE = 16 * 1024,
};

struct vchan_stream {
	struct stream stream;
	struct libxenvchan *vchan;
	/* Our own cursors. Their copies in shared memory are the ones that libxenvchan uses, and
	 * the peer can write them: they must be what we left there. */
	uint32_t read_cons, write_prod;
	uint32_t seen_prod, seen_cons; /* the peer's, when it was poked last */
	int failure; /* sticks */
	bool is_dead; /* its domain goes on elsewhere */
};

static struct vchan_stream *vchan_of(const struct stream *stream)
{
	return container_of(stream, struct vchan_stream, stream);
}

static uint32_t load(const uint32_t *shared)
{
	return __atomic_load_n(shared, __ATOMIC_ACQUIRE);
}

static bool is_sane(const struct libxenvchan_ring *ring, uint32_t cons, uint32_t prod)
{
	return prod - cons <= 1u << ring->order;
}

static int fail(struct vchan_stream *self, int failure)
{
	self->failure = failure;
	return failure;
}

/* libxenvchan returned -1. */
static int ended(struct vchan_stream *self)
{
	return libxenvchan_is_open(self->vchan) ? fail(self, -EIO) : -EPIPE;
}

static ssize_t vchan_read(struct stream *stream, void *buffer, size_t size)
{
	struct vchan_stream *self = vchan_of(stream);
	const struct libxenvchan_ring *ring = &self->vchan->read;
	int moved;

	if (self->failure)
		return self->failure;
	/* libxenvchan reads nothing, for ever and without a word, if the indexes are mad. */
	if (load(&ring->shr->cons) != self->read_cons ||
	    !is_sane(ring, self->read_cons, load(&ring->shr->prod)))
		return fail(self, -EPROTO);
	if (size > INT_MAX)
		size = INT_MAX;
	moved = libxenvchan_read(self->vchan, buffer, size);
	if (moved < 0)
		return ended(self);
	self->read_cons += (uint32_t)moved;
	return moved;
}

static ssize_t write_bytes(struct vchan_stream *self, const void *bytes, size_t size)
{
	const struct libxenvchan_ring *ring = &self->vchan->write;
	int moved;

	if (load(&ring->shr->prod) != self->write_prod ||
	    !is_sane(ring, load(&ring->shr->cons), self->write_prod))
		return fail(self, -EPROTO);
	if (size > INT_MAX)
		size = INT_MAX;
	moved = libxenvchan_write(self->vchan, bytes, size);
	if (moved < 0)
		return ended(self);
	self->write_prod += (uint32_t)moved;
	return moved;
}

/* Position in an iovec: nothing is modified, so the caller may resume as it likes. */
struct cursor {
	const struct iovec *parts;
	int count;
	size_t offset; /* into the first */
};

static void cursor_skip_empty(struct cursor *cursor)
{
	while (cursor->count && cursor->offset == cursor->parts->iov_len) {
		cursor->parts++;
		cursor->count--;
		cursor->offset = 0;
	}
}

static size_t cursor_gather(struct cursor *cursor, uint8_t *buffer, size_t size)
{
	size_t used = 0;

	for (cursor_skip_empty(cursor); cursor->count && used < size; cursor_skip_empty(cursor)) {
		size_t left = cursor->parts->iov_len - cursor->offset;
		size_t some = left < size - used ? left : size - used;

		memcpy(buffer + used, (uint8_t *)cursor->parts->iov_base + cursor->offset, some);
		cursor->offset += some;
		used += some;
	}
	return used;
}

static ssize_t write_piece(struct vchan_stream *self, struct cursor *cursor, size_t *piece)
{
	const uint8_t *direct = (uint8_t *)cursor->parts->iov_base + cursor->offset;
	size_t left = cursor->parts->iov_len - cursor->offset;
	uint8_t gathered[GATHER_SIZE];

	if (cursor->count == 1 || left >= sizeof(gathered)) {
		cursor->offset += left;
		*piece = left;
		return write_bytes(self, direct, left);
	}
	/* Each write of its own may wake the peer: header and body apart cost it twice the
	 * events. */
	*piece = cursor_gather(cursor, gathered, sizeof(gathered));
	return write_bytes(self, gathered, *piece);
}

static ssize_t vchan_write(struct stream *stream, const struct iovec *parts, int count)
{
	struct vchan_stream *self = vchan_of(stream);
	struct cursor cursor = { parts, count, 0 };
	ssize_t moved, total = 0;
	size_t piece;

	if (self->failure)
		return self->failure;
	for (cursor_skip_empty(&cursor); cursor.count; cursor_skip_empty(&cursor)) {
		moved = write_piece(self, &cursor, &piece);
		if (moved < 0)
			return total ? total : moved; /* the next call meets it again */
		total += moved;
		if ((size_t)moved < piece)
			break;
	}
	return total;
}

static int vchan_fd(const struct stream *stream)
{
	return libxenvchan_fd_for_select(vchan_of(stream)->vchan);
}

static short vchan_events(const struct stream *stream, bool want_write)
{
	(void)stream;
	(void)want_write;
	return POLLIN;
}

static void vchan_ack(struct stream *stream)
{
	struct vchan_stream *self = vchan_of(stream);

	/* The descriptor is non-blocking, so this returns even if nothing was there. */
	if (libxenvchan_wait(self->vchan) < 0 && errno != EAGAIN && errno != EINTR &&
	    !self->failure)
		fail(self, -EIO); /* or the loop would find it readable for ever */
}

static bool vchan_has_ended(const struct stream *stream)
{
	return !libxenvchan_is_open(vchan_of(stream)->vchan);
}

static void cleanup_lock(xenevtchn_handle **lock)
{
	dead_port_unlock(*lock);
}

/* Of a server; see dead-port.h. A ring that dies with the old place of its domain often looks as if
 * the peer had closed it, so whether the event channel is dead is found out for each. */
static void close_server(struct vchan_stream *self)
{
	struct libxenvchan *vchan = self->vchan;
	enum dead_port port = self->is_dead ? DEAD_PORT_KEPT : DEAD_PORT_TAKEN;
	CLEANUP(cleanup_lock) xenevtchn_handle *lock = dead_port_lock();

	if (lock)
		port = dead_port_release(vchan->event, vchan->event_port);
	/* What Linux would close by the dead port's number is somebody else's. */
	if (port == DEAD_PORT_TAKEN && self->is_dead)
		return;
	if (port != DEAD_PORT_TAKEN) {
		stream_vchan_forget_store(&self->stream); /* it went with the old place */
		dead_port_abandon(vchan->event);
		vchan->event = NULL;
	}
	libxenvchan_close(vchan);
}

static void vchan_close(struct stream *stream)
{
	struct vchan_stream *self = vchan_of(stream);

	if (self->vchan->is_server)
		close_server(self);
	else
		libxenvchan_close(self->vchan);
	free(self);
}

static const struct stream_ops vchan_ops = {
	.read = vchan_read,
	.write = vchan_write,
	.fd = vchan_fd,
	.events = vchan_events,
	.ack = vchan_ack,
	.has_ended = vchan_has_ended,
	.close = vchan_close,
};

static bool is_size_ok(const struct libxenvchan *vchan)
{
	return vchan->read.order >= ORDER_MIN && vchan->read.order <= ORDER_MAX &&
	       vchan->write.order >= ORDER_MIN && vchan->write.order <= ORDER_MAX;
}

/* Takes vchan over, in any case. */
static int vchan_new(struct libxenvchan *vchan, struct stream **out)
{
	struct vchan_stream *self = NULL;
	int fd, flags, r = -EPROTO;

	vchan->blocking = 0; /* libxenvchan leaves it uninitialised */
	vchan->server_persist = 0;
	if (!is_size_ok(vchan))
		goto out;
	fd = libxenvchan_fd_for_select(vchan);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		r = -errno;
		goto out;
	}
	self = malloc(sizeof(*self));
	r = self ? 0 : -ENOMEM;
out:
	if (r < 0) {
		libxenvchan_close(vchan);
		return r;
	}
	*self = (struct vchan_stream){
		.stream.ops = &vchan_ops,
		.vchan = vchan,
		.read_cons = load(&vchan->read.shr->cons),
		.write_prod = load(&vchan->write.shr->prod),
		.seen_prod = load(&vchan->read.shr->prod),
		.seen_cons = load(&vchan->write.shr->cons),
	};
	*out = &self->stream;
	return 0;
}

static bool is_path_ok(const char *path)
{
	return path[0] == '/' && strlen(path) <= STREAM_VCHAN_PATH_MAX;
}

/* How many pages libxenvchan will take for a ring beside the control page. */
static unsigned pages_for(size_t size, size_t other)
{
	unsigned pages = 1;

	if (size <= IN_PAGE_SMALL)
		return 0;
	if (size <= IN_PAGE_LARGE && (other <= IN_PAGE_SMALL || other > IN_PAGE_LARGE))
		return 0;
	while (pages * (size_t)PAGE < size)
		pages *= 2;
	return pages;
}

unsigned stream_vchan_pages_for(size_t read_size, size_t write_size)
{
	return 1 + pages_for(read_size, write_size) + pages_for(write_size, read_size);
}

/* Whether a port and so many pages can be had just now. When libxenvchan_server_init finds out by
 * itself, it frees a pointer that it never set. */
static int try_resources(xenevtchn_handle *event, uint32_t peer_domid, unsigned pages)
{
	uint32_t refs[1 + 2 * STREAM_VCHAN_RING_MAX / PAGE];
	xengntshr_handle *grants;
	void *memory;
	int r = 0, port;

	errno = 0;
	port = xenevtchn_bind_unbound_port(event, peer_domid);
	if (port < 0)
		return errno > 0 ? -errno : -ENOSPC;
	xenevtchn_unbind(event, (evtchn_port_t)port);

	errno = 0;
	grants = xengntshr_open(NULL, 0);
	if (!grants)
		return errno > 0 ? -errno : -ENOSPC;
	memory = xengntshr_share_pages(grants, peer_domid, (int)pages, refs, 1);
	if (memory)
		xengntshr_unshare(grants, memory, pages);
	else
		r = errno > 0 ? -errno : -ENOSPC;
	xengntshr_close(grants);
	return r;
}

int stream_vchan_serve(uint32_t peer_domid, const char *path, size_t read_size, size_t write_size,
		       struct stream **out)
{
	CLEANUP(cleanup_lock) xenevtchn_handle *lock = NULL;
	struct libxenvchan *vchan;
	int r;

	if (!is_path_ok(path) || !read_size || !write_size || peer_domid > INT_MAX ||
	    read_size > STREAM_VCHAN_RING_MAX || write_size > STREAM_VCHAN_RING_MAX)
		return -EINVAL;
	errno = 0;
	lock = dead_port_lock();
	if (!lock)
		return errno > 0 ? -errno : -ENOSPC;
	r = try_resources(lock, peer_domid, stream_vchan_pages_for(read_size, write_size));
	if (r < 0)
		return r;
	/* Somebody else may take the last page between that and this: the memory that
	 * libxenvchan gets from malloc had better be zero then. (The asm keeps the compiler from
	 * leaving both calls out.) */
	vchan = calloc(1, sizeof(*vchan));
	__asm__ volatile("" : "+r"(vchan) : : "memory");
	free(vchan);
	errno = 0;
	vchan = libxenvchan_server_init(NULL, (int)peer_domid, path, read_size, write_size);
	if (!vchan)
		return errno > 0 ? -errno : -EIO;
	/* Or the ring would go on, for the peer, in each program that is run from here: Xen's
	 * libraries see to it for all descriptors but this one. */
	fcntl(xengntshr_fd(vchan->gntshr), F_SETFD, FD_CLOEXEC);
	return vchan_new(vchan, out);
}

int stream_vchan_dial(uint32_t own_domid, uint32_t domid, const char *path, struct stream **out)
{
	struct libxenvchan *vchan;

	if (!is_path_ok(path) || domid > INT_MAX)
		return -EINVAL;
	if (domid == own_domid)
		return -ELOOP;
	errno = 0;
	vchan = libxenvchan_client_init(NULL, (int)domid, path);
	if (!vchan)
		return errno > 0 ? -errno : -EPROTO;
	return vchan_new(vchan, out);
}

bool stream_vchan_is_connected(const struct stream *stream)
{
	const struct libxenvchan *vchan = vchan_of(stream)->vchan;

	return __atomic_load_n(&vchan->ring->cli_live, __ATOMIC_ACQUIRE) != 2;
}

bool stream_vchan_is_open(const struct stream *stream)
{
	return libxenvchan_is_open(vchan_of(stream)->vchan) != 0;
}

void stream_vchan_set_dead(struct stream *stream)
{
	if (stream->ops == &vchan_ops)
		vchan_of(stream)->is_dead = true;
}

void stream_vchan_forget_store(struct stream *stream)
{
	struct libxenvchan *vchan = vchan_of(stream)->vchan;

	if (!vchan->is_server)
		return;
	free(vchan->xs_path);
	vchan->xs_path = NULL;
}

/* Those of a ring that is not in the control page. */
static unsigned pages_of(const struct libxenvchan_ring *ring)
{
	return ring->order < PAGE_ORDER ? 0 : 1U << (ring->order - PAGE_ORDER);
}

unsigned stream_vchan_pages(const struct stream *stream)
{
	const struct libxenvchan *vchan = vchan_of(stream)->vchan;

	return 1 + pages_of(&vchan->read) + pages_of(&vchan->write);
}

static void unmap(const struct libxenvchan_ring *ring)
{
	if (pages_of(ring))
		munmap(ring->buffer, pages_of(ring) * (size_t)PAGE);
}

/* The libraries have a lock around their handles, which a thread of the parent may hold. */
void stream_vchan_leave(const struct stream *stream)
{
	const struct libxenvchan *vchan = vchan_of(stream)->vchan;

	unmap(&vchan->read);
	unmap(&vchan->write);
	munmap(vchan->ring, PAGE);
	close(xengntshr_fd(vchan->gntshr));
	close(xenevtchn_fd(vchan->event));
}

/* What a peer has made of its indexes may be nonsense. */
static uint32_t ring_used(const struct libxenvchan_ring *ring)
{
	uint32_t used = load(&ring->shr->prod) - load(&ring->shr->cons), size = 1u << ring->order;

	return used < size ? used : size;
}

void stream_vchan_measure(const struct stream *stream, struct stream_vchan_fill *fill)
{
	const struct libxenvchan *vchan = vchan_of(stream)->vchan;

	*fill = (struct stream_vchan_fill){
		.read_size = 1u << vchan->read.order,
		.read_used = ring_used(&vchan->read),
		.write_size = 1u << vchan->write.order,
		.write_used = ring_used(&vchan->write),
	};
}

/* The bit is the peer's wish to be told of bytes, which libxenvchan takes back when it tells it.
 * Taking it back and telling it, without bytes, is what any writer does to a reader who was just
 * faster. */
bool stream_vchan_poke(struct stream *stream)
{
	struct vchan_stream *self = vchan_of(stream);
	struct libxenvchan *vchan = self->vchan;
	uint8_t *wishes = vchan->is_server ? &vchan->ring->srv_notify : &vchan->ring->cli_notify;
	uint32_t prod = load(&vchan->read.shr->prod), cons = load(&vchan->write.shr->cons);
	bool waits = __atomic_fetch_and(wishes, (uint8_t)~VCHAN_NOTIFY_WRITE, __ATOMIC_SEQ_CST) &
		     VCHAN_NOTIFY_WRITE;
	bool has_moved = prod != self->seen_prod || cons != self->seen_cons;

	self->seen_prod = prod;
	self->seen_cons = cons;
	if (waits)
		xenevtchn_notify(vchan->event, vchan->event_port);
	return waits || has_moved;
}
