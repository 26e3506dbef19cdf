// SPDX-License-Identifier: GPL-2.0-only
/* siphash.h with C linkage, for messages of whole bytes. */
#include "siphash.h"

__u64 host_siphash(__u64 key0, __u64 key1, const __u8 *message, __u64 len)
{
	struct siphash state = siphash_start(key0, key1);
	__u64 word = 0;

	for (__u64 i = 0; i < len; i++) {
		word |= (__u64)message[i] << 8 * (i % 8);
		if (i % 8 == 7) {
			siphash_add(&state, word);
			word = 0;
		}
	}
	siphash_add(&state, len << 56 | word);
	return siphash_end(&state);
}
