#include "data/checksum.h"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "engine/error.h"

namespace data {

std::string checksum(const std::filesystem::path& path, const std::string& algorithm) {
  const EVP_MD* const kind = EVP_get_digestbyname(algorithm.c_str());
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  ENSURE(kind && digest && EVP_DigestInit_ex(digest.get(), kind, nullptr), "OpenSSL has no checksum '", algorithm, "'");

  std::ifstream in(path, std::ios::binary);
  ENSURE(in, path.string(), ": cannot be read: ", std::strerror(errno));
  std::vector<char> block(size_t{1} << 20);
  do {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    EVP_DigestUpdate(digest.get(), block.data(), static_cast<size_t>(in.gcount()));
  } while (in);
  ENSURE(in.eof() && !in.bad(), path.string(), ": cannot be read: ", std::strerror(errno));

  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned count = 0;
  EVP_DigestFinal_ex(digest.get(), bytes.data(), &count);
  std::string text;
  for (unsigned i = 0; i < count; ++i) {
    for (int digit : {bytes[i] >> 4, bytes[i] & 15}) text += "0123456789abcdef"[digit];
  }
  return text;
}

}  // namespace data
