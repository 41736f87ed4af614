#include "crc32.h"

/* The reflected polynomial of IEEE 802.3. */
#define POLYNOMIAL 0xedb88320u

uint32_t crc32(uint32_t sum, const unsigned char *bytes, size_t count)
{
	static uint32_t table[256];

	/* The entry of 255 is not 0 once the table is there. */
	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		uint32_t entry = i;

		for (int bit = 0; bit < 8; bit++)
			entry = entry & 1 ? entry >> 1 ^ POLYNOMIAL : entry >> 1;
		table[i] = entry;
	}
	sum = ~sum;
	for (size_t i = 0; i < count; i++)
		sum = sum >> 8 ^ table[(sum ^ bytes[i]) & 0xff];
	return ~sum;
}
