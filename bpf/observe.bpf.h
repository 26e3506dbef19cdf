/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shows frames to an observer. Filter and sample come before anything is copied; the ring buffer never
 * waits for its reader. Two objects have these maps in common: the program that judges, and the ones
 * that an observer attaches for as long as it looks.
 */
#pragma once

#include "bucket.h"
#include "parse.h"

/* User space writes it; the program only ends it, when its time is over. */
struct observation observation SEC(".data.observe") __attribute__((aligned(64)));

/* The programs write. User space does not use it. */
struct sampling sampling SEC(".data.sampling") __attribute__((aligned(64)));

/* Frames that were looked for, shown or not; without those of which the counters tell. The programs
 * write; user space adds up the CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} looked_for SEC(".maps");

/* struct observed, each with the first bytes of its frame. The programs write, the observer reads. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} observed_frames SEC(".maps");

struct frame_copy {
	struct observed about;
	__u8 bytes[OBSERVED_BYTES];
};

#define COPY_NOW 0  /* made and sent at once */
#define COPY_KEPT 1 /* of a SYN, over which the answer is written */

/* Where a CPU makes what it sends. Only the programs use it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct frame_copy);
	__uint(max_entries, 2);
} frame_copies SEC(".maps");

/* All that a frame pays while nobody observes. */
static __always_inline bool is_observed(enum reason reason)
{
	return observation.reasons >> (reason & 63) & 1;
}

static __always_inline bool is_in_network(const struct addr *addr)
{
	__u64 is[2], net[2], mask[2];

	__builtin_memcpy(is, addr, sizeof(is));
	__builtin_memcpy(net, &observation.net, sizeof(net));
	__builtin_memcpy(mask, &observation.mask, sizeof(mask));
	return !(((is[0] & mask[0]) ^ net[0]) | ((is[1] & mask[1]) ^ net[1]));
}

/* Whether the observer wants a segment, apart from its reason. What goes out has the peer as its
 * destination. */
static __always_inline bool is_looked_for(const struct packet *pkt, __u32 ifindex, bool is_out)
{
	__u16 port = is_out ? bpf_ntohs(pkt->source_port) : pkt->destination_port;

	if (!observation.is_selective)
		return true;
	if (observation.ifindex != ifindex)
		return false;
	if (observation.port && observation.port != port)
		return false;
	if (observation.only_syns && pkt->tcp_offset && !(pkt->tcp_flags & TCPHDR_SYN))
		return false;
	return !observation.family || (observation.family == pkt->family &&
				       is_in_network(is_out ? &pkt->destination : &pkt->source));
}

static __always_inline void count_looked_for(__u64 frames)
{
	const __u32 first = 0;
	__u64 *count = bpf_map_lookup_elem(&looked_for, &first);

	if (count)
		*count += frames; /* not atomic: it is this CPU's own */
}

/* In a flood nearly every frame ends here, without a look at the clock. */
static __always_inline bool may_be_sampled(void)
{
	return sampling.closed_in != bpf_jiffies64();
}

/* Whether a frame that is looked for is shown. */
static __always_inline bool take_sample(void)
{
	const struct limit limit = observation.limit;
	__u64 now = bpf_ktime_get_ns(), wait_ns;

	if ((__s64)(now - observation.until) >= 0) {
		observation.reasons = 0;
		return false;
	}
	if (bucket_take(&sampling.full_at, &limit, now, &wait_ns) == BUCKET_TAKEN)
		return true;
	sampling.closed_in = bpf_jiffies64();
	return false;
}

/* How much of a frame is copied. pkt: NULL if all of it is headers. */
static __always_inline __u32 bytes_wanted(const struct packet *pkt, __u32 frame_len)
{
	__u32 wanted = OBSERVED_BYTES;

	if (pkt)
		wanted = pkt->tcp_offset ? pkt->tcp_offset + pkt->tcp_len : OBSERVED_UNKNOWN;
	if (wanted < observation.snaplen)
		wanted = observation.snaplen;
	if (wanted > OBSERVED_BYTES)
		wanted = OBSERVED_BYTES;
	return wanted < frame_len ? wanted : frame_len;
}

static __always_inline struct frame_copy *frame_copy(__u32 which)
{
	return bpf_map_lookup_elem(&frame_copies, &which);
}

/* Says what is known of the frame whose bytes are to follow. pkt: NULL if it is an answer. */
static __always_inline void describe(struct frame_copy *copy, const struct packet *pkt, __u32 ifindex,
				     __u32 frame_len, __u32 len, enum reason reason, bool is_out)
{
	copy->about = (struct observed){
		.at = bpf_ktime_get_ns(),
		.ifindex = ifindex,
		.frame_len = frame_len,
		.len = len,
		.reason = reason,
		.is_out = is_out,
		.rule = pkt ? pkt->rule : 0,
	};
}

/* A frame that finds the buffer full is not shown. */
static __always_inline void send_copy(const struct frame_copy *copy)
{
	__u32 len = copy->about.len;

	if (len <= OBSERVED_BYTES)
		bpf_ringbuf_output(&observed_frames, (void *)copy, sizeof(copy->about) + len, 0);
}
