// SPDX-License-Identifier: GPL-2.0
/*
 * What an observer attaches for as long as it looks, behind and in front of IP (tcx, Linux 6.6):
 * observe_out() shows what an interface sends; observe_in() what arrives, where no program judges it.
 * Nothing is changed or held up.
 */
#include "observe.bpf.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline int show_segment(struct __sk_buff *skb, bool is_out)
{
	const void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	struct hdr_cursor nh = hdr_cursor_init(data, data_end, NULL, data_end - data);
	struct frame_copy *copy = frame_copy(COPY_NOW);
	struct packet pkt = {};
	enum reason reason;
	__u32 len;

	if (!copy || !observation.reasons)
		return TCX_NEXT;
	reason = parse_packet(&nh, &pkt);
	if (reason == SKIP_NOT_TCP || reason == SKIP_LATER_FRAGMENT ||
	    !is_looked_for(&pkt, skb->ifindex, is_out))
		return TCX_NEXT;
	count_looked_for(1);
	if (!may_be_sampled() || !take_sample())
		return TCX_NEXT;
	len = bytes_wanted(&pkt, skb->len);
	describe(copy, &pkt, skb->ifindex, skb->len, len, UNDECIDED, is_out);
	if (len && len <= OBSERVED_BYTES && !bpf_skb_load_bytes(skb, 0, copy->bytes, len))
		send_copy(copy);
	return TCX_NEXT;
}

SEC("tcx/egress")
int observe_out(struct __sk_buff *skb)
{
	return show_segment(skb, true);
}

SEC("tcx/ingress")
int observe_in(struct __sk_buff *skb)
{
	return show_segment(skb, false);
}
