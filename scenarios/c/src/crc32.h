#ifndef CRC32_H
#define CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continues a checksum, 0 at the beginning, with further bytes. */
uint32_t crc32(uint32_t sum, const unsigned char *bytes, size_t count);

#endif
