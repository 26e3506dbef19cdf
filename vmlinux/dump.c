// SPDX-License-Identifier: GPL-2.0
/*
 * Writes a C header to standard output, from the running kernel's BTF. Standard input names its types,
 * one "struct NAME", "enum NAME" or "typedef NAME" per line. The header also has the types that these
 * need.
 */
#include <bpf/btf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void print(void *unused, const char *format, va_list args)
{
	(void)unused;
	vprintf(format, args);
}

static __s32 find(const struct btf *btf, const char *line)
{
	char kind[8], name[64];

	if (sscanf(line, "%7s %63s", kind, name) != 2)
		return -1;
	if (!strcmp(kind, "struct"))
		return btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
	if (!strcmp(kind, "enum"))
		return btf__find_by_name_kind(btf, name, BTF_KIND_ENUM);
	if (!strcmp(kind, "typedef"))
		return btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	return -1;
}

int main(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct btf_dump *dump = btf ? btf_dump__new(btf, print, NULL, NULL) : NULL;
	char line[80];

	if (!dump) {
		fputs("this kernel shows no BTF at /sys/kernel/btf/vmlinux\n", stderr);
		return 1;
	}
	puts("/* SPDX-License-Identifier: GPL-2.0 */\n"
	     "/* Made by `make vmlinux` from the types named in vmlinux/types.txt: do not edit. */\n"
	     "#pragma once\n"
	     "#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = "
	     "record)\n");
	while (fgets(line, sizeof(line), stdin)) {
		__s32 id = find(btf, line);

		if (id < 0 || btf_dump__dump_type(dump, id)) {
			fprintf(stderr, "this kernel's BTF has no %s", line);
			return 1;
		}
	}
	puts("#pragma clang attribute pop");
	return 0;
}
