#include "version.hpp"

#include <zlib.h>

namespace {

// Names the build. An incremental sample of the race changes it, as a
// developer's edit would change a line.
const char build[] = "dev";

#if defined(__x86_64__)
const char machine[] = "amd64";
#elif defined(__aarch64__)
const char machine[] = "arm64";
#elif defined(__arm__)
const char machine[] = "arm";
#elif defined(__riscv)
const char machine[] = "riscv64";
#else
const char machine[] = "another machine";
#endif

} // namespace

std::string version()
{
	return std::string("words ") + build + ' ' + machine + " zlib " + zlibVersion();
}
