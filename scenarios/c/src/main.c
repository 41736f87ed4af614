/* checksum: prints the CRC-32 of what it reads. */

#include <stdio.h>
#include <string.h>

#include "crc32.h"
#include "version.h"

#if defined(__x86_64__)
#define MACHINE "amd64"
#elif defined(__aarch64__)
#define MACHINE "arm64"
#elif defined(__arm__)
#define MACHINE "arm"
#elif defined(__riscv)
#define MACHINE "riscv64"
#else
#define MACHINE "another machine"
#endif

int main(int argc, char **argv)
{
	unsigned char chunk[65536];
	uint32_t sum = 0;
	size_t count;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("checksum " VERSION " " MACHINE);
		return 0;
	}
	while ((count = fread(chunk, 1, sizeof chunk, stdin)) > 0)
		sum = crc32(sum, chunk, count);
	if (ferror(stdin)) {
		perror("checksum: cannot read");
		return 1;
	}
	printf("%08x\n", (unsigned)sum);
	return 0;
}
