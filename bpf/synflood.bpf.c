// SPDX-License-Identifier: GPL-2.0
/*
 * Judges every TCP SYN that arrives at an interface; everything else passes.
 *
 * 1. parse_packet() finds the SYN in the frame. A frame without one passes; a frame that only an
 *    evader would send is dropped.
 * 2. check_lists(): an allowed source passes, a denied one is dropped.
 * 3. check_port(): a SYN to a port that is not protected passes.
 * 4. take_token() takes a token from the bucket of the SYN's source; a new source also needs one of
 *    the budget of new sources. Without a token the SYN is refused.
 * 5. challenge() answers a refused SYN with a cookie, where that is wanted and possible. Other refused
 *    SYNs are dropped.
 * 6. conclude() counts the reason and returns the action.
 */
#include "challenge.bpf.h"
#include "conclude.bpf.h"
#include "parse.h"
#include "policy.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/*
 * Reads the headers of a frame in several buffers through the helper. This is rare, as a driver's first
 * buffer holds them. A function of its own keeps the usual way short. It is not static, so that the
 * verifier looks at it once, for any arguments: that takes a quarter off the time to load.
 */
__noinline enum reason parse_frags(struct xdp_md *ctx, struct packet *pkt)
{
	struct hdr_cursor nh;

	if (!pkt)
		return DROP_TRUNCATED;
	nh = hdr_cursor_init(NULL, NULL, ctx, bpf_xdp_get_buff_len(ctx));
	return parse_packet(&nh, pkt);
}

static __always_inline enum reason parse_frame(struct xdp_md *ctx, struct packet *pkt)
{
	const void *data = (void *)(long)ctx->data;
	const void *data_end = (void *)(long)ctx->data_end;
	struct hdr_cursor nh = hdr_cursor_init(data, data_end, NULL, data_end - data);
	enum reason reason = parse_packet(&nh, pkt);

	if (nh.cut && config.multi_buffer && bpf_xdp_get_buff_len(ctx) > nh.frame_len)
		return parse_frags(ctx, pkt);
	return reason;
}

SEC("xdp")
int synflood(struct xdp_md *ctx)
{
	struct packet pkt = {};
	enum reason reason = parse_frame(ctx, &pkt);
	enum reason refused;

	if (reason == UNDECIDED)
		reason = check_lists(&pkt);
	if (reason == UNDECIDED)
		reason = check_port(&pkt);
	if (reason == UNDECIDED)
		reason = take_token(&pkt);
	if (is_challenged(&pkt, reason)) {
		refused = reason;
		reason = challenge(ctx, &pkt, refused);
		if (reason <= CHALLENGE_SENT && refused == DROP_OVER_LIMIT)
			count_spared(&pkt, reason_passes(reason));
	}
	return conclude(reason);
}
