#include <stddef.h>
#include <stdint.h>

/* The largest prime below 2^16. */
#define MODULUS 65521u

/* So many bytes can be added before b overflows 32 bits. */
#define RUN 5552u

uint32_t adler32(uint32_t sum, const unsigned char *bytes, size_t count)
{
	uint32_t a = sum & 0xffff, b = sum >> 16;

	while (count) {
		size_t run = count < RUN ? count : RUN;

		count -= run;
		while (run--) {
			a += *bytes++;
			b += a;
		}
		a %= MODULUS;
		b %= MODULUS;
	}
	return b << 16 | a;
}
