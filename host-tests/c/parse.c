// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs parse.h on frames from standard input, each after its length (32 bits, the host's order). Writes
 * a line for each: reason, family, source (32 hexadecimal digits), destination port, and whether a
 * header went beyond the frame.
 *
 * Each frame is in memory of exactly its size, so that the address sanitizer ends the program at the
 * first byte read beyond it. With the argument "overread" the program reads beyond it on purpose, to
 * prove that the sanitizer works.
 */
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Has exactly this length, so that the sanitizer ends the program at any other reason. */
static const char *const reason_names[REASON_COUNT] = {
#include "reason_names.inc"
};

static void judge(const unsigned char *frame, __u32 len)
{
	struct hdr_cursor nh = hdr_cursor_init(frame, frame + len, NULL, len);
	struct packet pkt = { 0 };
	enum reason reason = parse_packet(&nh, &pkt);

	printf("%s %d ", reason_names[reason], pkt.family);
	for (int i = 0; i < 4; i++)
		printf("%08x", be32toh(pkt.source.word[i]));
	printf(" %d %d\n", pkt.destination_port, nh.cut);
}

int main(int argc, char **argv)
{
	int beyond = argc > 1 && !strcmp(argv[1], "overread");
	__u32 len;

	while (fread(&len, sizeof(len), 1, stdin) == 1) {
		unsigned char *frame = malloc(len);

		if (!frame || fread(frame, 1, len, stdin) != len)
			return 1;
		judge(frame, len + beyond);
		free(frame);
	}
	return 0;
}
