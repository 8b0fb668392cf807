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

namespace {

class Digest {
 public:
  explicit Digest(const std::string& algorithm) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    const EVP_MD* const kind = EVP_get_digestbyname(algorithm.c_str());
    ENSURE(kind && context_ && EVP_DigestInit_ex(context_.get(), kind, nullptr), "OpenSSL has no checksum '", algorithm,
           "'");
  }
  void add(const char* bytes, size_t count) { EVP_DigestUpdate(context_.get(), bytes, count); }
  std::string text() const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
    unsigned count = 0;
    EVP_DigestFinal_ex(context_.get(), bytes.data(), &count);
    std::string text;
    for (unsigned i = 0; i < count; ++i) {
      for (int digit : {bytes[i] >> 4, bytes[i] & 15}) text += "0123456789abcdef"[digit];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

}  // namespace

std::string checksum(const std::filesystem::path& path, const std::string& algorithm) {
  Digest digest(algorithm);
  std::ifstream in(path, std::ios::binary);
  ENSURE(in, path.string(), ": cannot be read: ", std::strerror(errno));
  std::vector<char> block(size_t{1} << 20);
  do {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    digest.add(block.data(), static_cast<size_t>(in.gcount()));
  } while (in);
  ENSURE(in.eof() && !in.bad(), path.string(), ": cannot be read: ", std::strerror(errno));
  return digest.text();
}

std::string checksum_of(std::string_view bytes, const std::string& algorithm) {
  Digest digest(algorithm);
  digest.add(bytes.data(), bytes.size());
  return digest.text();
}

}  // namespace data
