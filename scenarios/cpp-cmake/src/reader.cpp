#include "reader.hpp"

#include <memory>
#include <stdexcept>
#include <vector>

#include <unistd.h>
#include <zlib.h>

std::string read_all(const std::string &path)
{
	const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(
		path == "-" ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path.c_str(), "rb"), gzclose);
	std::vector<char> chunk(65536);
	std::string text;
	int count;

	if (!file)
		throw std::runtime_error("cannot open " + path);
	while ((count = gzread(file.get(), chunk.data(), chunk.size())) > 0)
		text.append(chunk.data(), count);
	if (count < 0) {
		int code;

		throw std::runtime_error("cannot read " + path + ": " + gzerror(file.get(), &code));
	}
	return text;
}
