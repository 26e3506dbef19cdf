/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells an answer that is right behind another one of its flow. The kernel takes segments from a driver
 * in batches, and shows a whole batch to the program before TCP sees the first. So the client's first
 * data may come here while the ACK before it, which was redeemed, waits. If it were redeemed too, the
 * kernel would drop it as a second connection of the flow, and the client would repeat it after 200 ms.
 * Left alone, it meets the connection that the ACK made.
 */
#pragma once

#include "listener.bpf.h"

/* Longer than a batch takes, and shorter than a client takes to repeat a segment. */
#define BATCH_NS 10000000

/* Segments that the kernel takes at a time (NAPI_POLL_WEIGHT). */
#define BATCH_LEN 64

static __always_inline struct redeemed *redeemed_slot(__u32 cookie)
{
	__u32 index = cookie >> 24;

	_Static_assert(REDEEMED_SLOTS == 1 << 8, "the slots are the upper 8 bits of a cookie");
	return bpf_map_lookup_elem(&redeemed, &index);
}

static __always_inline bool was_redeemed_now(__u32 cookie, __u32 isn, __u64 now)
{
	const struct redeemed *slot = redeemed_slot(cookie);

	return slot && slot->cookie == cookie && slot->isn == isn && now - slot->at < BATCH_NS;
}

/*
 * Only where the kernel surely takes the connection: else the next segment of the flow would find none,
 * and the client would be reset.
 */
static __always_inline void note_redeemed(const struct tcp_sock *listener, __u32 cookie, __u32 isn,
					  __u64 now)
{
	const struct sock *sk = (const struct sock *)listener;
	struct redeemed *slot = redeemed_slot(cookie);

	if (slot && sk->sk_ack_backlog + BATCH_LEN <= sk->sk_max_ack_backlog)
		*slot = (struct redeemed){ .at = now, .cookie = cookie, .isn = isn };
}
