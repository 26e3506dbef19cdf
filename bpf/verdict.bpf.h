/* SPDX-License-Identifier: GPL-2.0 */
/* Shows an observer the frames that are judged, with the verdict. */
#pragma once

#include "maps.bpf.h"
#include "observe.bpf.h"

/* Whether the frame was copied. */
static __noinline bool copy_frame(struct xdp_md *ctx, const struct packet *pkt, struct frame_copy *copy,
				  enum reason reason, bool is_out)
{
	__u32 frame_len = bpf_xdp_get_buff_len(ctx), len = bytes_wanted(pkt, frame_len);

	describe(copy, pkt, ctx->ingress_ifindex, frame_len, len, reason, is_out);
	if (!len || len > OBSERVED_BYTES)
		return false;
	/* On Linux 6.1 the verifier does not learn from the comparison that it is not 0. */
	barrier_var(len);
	len = (len - 1) % OBSERVED_BYTES + 1;
	return !bpf_xdp_load_bytes(ctx, 0, copy->bytes, len);
}

/* Keeps a SYN over which its answer is to be written. Not static, so that the verifier looks at it
 * once, as at the next one. */
__noinline int keep_syn(struct xdp_md *ctx, const struct packet *pkt)
{
	struct frame_copy *copy = frame_copy(COPY_KEPT);

	if (!pkt || !copy || !config.multi_buffer)
		return 0;
	copy->about.len = 0;
	if (is_looked_for(pkt, ctx->ingress_ifindex, false) && take_sample() &&
	    !copy_frame(ctx, pkt, copy, CHALLENGE_SENT, false))
		copy->about.len = 0;
	return 0;
}

/* The SYN that was kept, and the answer, which is in its place now. */
static __always_inline void show_challenge(struct xdp_md *ctx, struct frame_copy *answer)
{
	struct frame_copy *kept = frame_copy(COPY_KEPT);

	if (kept && kept->about.len) {
		send_copy(kept);
		kept->about.len = 0;
	}
	if (observation.shows_answers && take_sample() &&
	    copy_frame(ctx, NULL, answer, UNDECIDED, true))
		send_copy(answer);
}

/* Before Linux 5.18 there is no helper to read a frame, and no observer. */
__noinline int show_frame(struct xdp_md *ctx, const struct packet *pkt, int reason)
{
	struct frame_copy *copy = frame_copy(COPY_NOW);

	if (!pkt || !copy || !config.multi_buffer)
		return 0;
	if (reason == CHALLENGE_SENT && !config.dry_run)
		show_challenge(ctx, copy);
	else if (take_sample() && copy_frame(ctx, pkt, copy, reason, false))
		send_copy(copy);
	return 0;
}

/* Shows a frame of a reason that is observed, if it is looked for and in the sample. */
static __always_inline void show_verdict(struct xdp_md *ctx, const struct packet *pkt,
					 enum reason reason)
{
	if (!is_looked_for(pkt, ctx->ingress_ifindex, false))
		return;
	if (observation.is_selective)
		count_looked_for(1 + (reason == CHALLENGE_SENT && observation.shows_answers));
	if (may_be_sampled())
		show_frame(ctx, pkt, reason);
}
