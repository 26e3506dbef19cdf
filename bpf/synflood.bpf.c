// SPDX-License-Identifier: GPL-2.0
/*
 * Three programs. synflood() judges every TCP SYN that arrives at an interface; everything else passes:
 *
 * 1. parse_packet() finds the SYN in the frame. A frame without one passes; a frame that only an
 *    evader would send is dropped.
 * 2. check_lists(): a denied source is dropped. An allowed one has no limits of its own.
 * 3. check_port(): a SYN to a port that is not protected passes.
 * 4. check_rules(): what looks like the SYNs of a flood is dropped.
 * 5. admit() drops a source that has had its connections, or whose network has. It lets a SYN pass to
 * the kernel for a token of its source and one of the pass rate, while the listener's queue has room.
 * 6. challenge() answers any other SYN with a cookie. What cannot be challenged because of where it
 * goes passes at a rate of its own.
 * 7. conclude() counts the reason, shows the frame to whoever looks, and returns the action.
 *
 * redeem() takes the answers to our cookies, and hands the kernel the connections that they complete.
 * charge() sees each connection that stands, and takes it from its source's connection bucket.
 * inspect() tells user space what no other interface of the kernel tells of a listener.
 * rescale() keeps what is in the buckets when the limits change.
 */
#include "admit.bpf.h"
#include "challenge.bpf.h"
#include "charge.bpf.h"
#include "conclude.bpf.h"
#include "redeem.bpf.h"
#include "rescale.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/*
 * Reads the headers of a frame in several buffers through the helper. This is rare, as a driver's first
 * buffer holds them. So are extension headers. Functions of their own keep the usual way short. They
 * are not static, so that the verifier looks at each once, for any arguments: on Linux 6.1 it would
 * give up else.
 */
__noinline enum reason parse_frags(struct xdp_md *ctx, struct packet *pkt)
{
	struct hdr_cursor nh;

	if (!pkt)
		return DROP_TRUNCATED;
	nh = hdr_cursor_init(NULL, NULL, ctx, bpf_xdp_get_buff_len(ctx));
	return parse_packet(&nh, pkt);
}

__noinline enum reason parse_extensions(struct xdp_md *ctx, struct packet *pkt)
{
	const void *data = (void *)(long)ctx->data;
	const void *data_end = (void *)(long)ctx->data_end;
	struct hdr_cursor nh = hdr_cursor_init(data, data_end, NULL, data_end - data);
	enum reason reason;

	if (!pkt)
		return DROP_TRUNCATED;
	reason = parse_packet(&nh, pkt);
	if (nh.cut && config.multi_buffer && bpf_xdp_get_buff_len(ctx) > nh.frame_len)
		return parse_frags(ctx, pkt);
	return reason;
}

static __always_inline enum reason parse_frame(struct xdp_md *ctx, struct packet *pkt)
{
	const void *data = (void *)(long)ctx->data;
	const void *data_end = (void *)(long)ctx->data_end;
	struct hdr_cursor nh = hdr_cursor_init(data, data_end, NULL, data_end - data);
	enum reason reason;

	nh.is_quick = true;
	reason = parse_packet(&nh, pkt);
	if (nh.is_unfollowed)
		return parse_extensions(ctx, pkt);
	if (nh.cut && config.multi_buffer && bpf_xdp_get_buff_len(ctx) > nh.frame_len)
		return parse_frags(ctx, pkt);
	return reason;
}

SEC("xdp")
int synflood(struct xdp_md *ctx)
{
	struct packet pkt = {};
	enum reason reason = parse_frame(ctx, &pkt);

	if (reason == UNDECIDED)
		reason = judge(ctx, &pkt);
	if (reason == UNDECIDED)
		reason = challenge(ctx, &pkt);
	return conclude(ctx, &pkt, reason);
}

SEC("tcx/ingress")
int redeem(struct __sk_buff *skb)
{
	return are_answered ? redeem_answer(skb) : TCX_NEXT;
}

/* Of all ways out of SYN_RECV: a connection by TCP Fast Open may never be ESTABLISHED. */
SEC("tp_btf/inet_sock_set_state")
int charge(__u64 *ctx)
{
	const struct sock *sk = (const struct sock *)ctx[0];
	int from = ctx[1], to = ctx[2];

	if (from == TCP_SYN_RECV && to != TCP_SYN_RECV)
		charge_connection(sk);
	return 0;
}

/* User space runs it, on any frame, to have the question in the map query answered. It is attached to
 * nothing. */
SEC("xdp")
int inspect(struct xdp_md *ctx)
{
	const __u32 first = 0;
	struct listener_query *asked = bpf_map_lookup_elem(&query, &first);

	if (asked)
		inspect_listener(ctx, asked);
	return XDP_PASS;
}

/*
 * User space runs it around a change of limits. A program of this type can be interrupted, so that the
 * walk through a large table holds up no packet. Returns the entries that it saw.
 */
SEC("syscall")
int rescale(const struct rescaling *how)
{
	struct rescale_walk walk = { .now = bpf_ktime_get_ns(), .how = *how };
	long seen;

	rescale_rates(&walk);
	seen = bpf_for_each_map_elem(&sources, rescale_source, &walk, 0);
	bpf_for_each_map_elem(&networks, rescale_network, &walk, 0);
	rescale_limits_of_sources(&walk);
	if (config.dry_run && walk.how.forgotten)
		bpf_for_each_map_elem(&needs, forget_need, &walk, 0);
	rates.rescaled_by = config.generation;
	return seen;
}
