// SPDX-License-Identifier: GPL-2.0-only
/* What syncookie.h reads from a SYN's header, with C linkage. */
#include "syncookie.h"

/* header: an array of TCP_MAX_HEADER, of which len bytes are the SYN's. */
void host_read_options(const __u8 *header, __u32 len, struct syn_options *options)
{
	struct option_offsets offsets = { 0 };

	find_options(header, len, &offsets);
	read_options(header, &offsets, options);
}
