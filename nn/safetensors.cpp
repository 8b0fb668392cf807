#include "nn/safetensors.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "engine/error.h"
#include "engine/file.h"

// The format (https://github.com/huggingface/safetensors): 8 bytes with the length of a JSON header; the header, which
// maps each name to {"dtype", "shape", "data_offsets": [begin, end]} and "__metadata__" to texts; then the values.
namespace nn {
namespace {

using engine::fail;
using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors stores little-endian numbers");

constexpr uint64_t length_bytes = 8, longest_header = 100'000'000, largest_number = (uint64_t{1} << 48) - 1;
constexpr const char* metadata_key = "__metadata__";

struct DType {
  const char* name;
  uint64_t bytes;  // of one value
};

/// In the order in which the reference implementation writes them, last to first.
constexpr DType dtypes[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
                            {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
                            {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8}};

const DType* find_dtype(const std::string& name) {
  const auto* found =
      std::find_if(std::begin(dtypes), std::end(dtypes), [&](const DType& d) { return d.name == name; });
  return found == std::end(dtypes) ? nullptr : found;
}

/// The bytes of a tensor; false where that number is too large for 64 bits.
bool byte_count(const std::vector<uint64_t>& shape, uint64_t value_bytes, uint64_t& count) {
  count = value_bytes;
  return std::none_of(shape.begin(), shape.end(),
                      [&](uint64_t extent) { return __builtin_mul_overflow(count, extent, &count); });
}

/// Takes the header from the events of the JSON parser. What has no place there is refused as soon as it begins, so
/// deep nesting is never entered.
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  HeaderReader(const std::string& file, SafetensorsHeader& header) : file_(file), header_(header) {}

  bool null() override { refuse(); }
  bool boolean(bool) override { refuse(); }
  bool number_integer(int64_t) override { refuse(); }  // only negative ones come here
  bool number_float(double, const std::string&) override { refuse(); }
  bool binary(binary_t&) override { refuse(); }
  bool number_unsigned(uint64_t value) override {
    if (place_ != Place::list || value > largest_number) refuse();
    (key_ == "shape" ? header_.tensors.back().shape : offsets_).push_back(value);
    return true;
  }

  bool string(std::string& value) override {
    if (place_ == Place::metadata) {
      header_.metadata[key_] = value;
    } else if (place_ == Place::tensor && key_ == "dtype") {
      header_.tensors.back().dtype = value;
    } else {
      refuse();
    }
    return true;
  }

  bool start_object(size_t) override {
    if (place_ == Place::outside) {
      place_ = Place::root;
    } else if (place_ == Place::root) {
      place_ = key_ == metadata_key ? Place::metadata : Place::tensor;
      keys_.clear();
      offsets_.clear();
      if (place_ == Place::tensor) header_.tensors.push_back({.name = key_, .dtype = {}, .shape = {}});
    } else {
      refuse();
    }
    return true;
  }

  bool key(std::string& key) override {
    std::set<std::string>& known = place_ == Place::root ? names_ : keys_;
    ENSURE(known.insert(key).second, where(), ": the key ", quoted(key), " appears twice");
    ENSURE(place_ != Place::tensor || key == "dtype" || key == "shape" || key == "data_offsets", where(),
           ": unknown key ", quoted(key));
    key_ = key;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) complete(header_.tensors.back());
    place_ = place_ == Place::root ? Place::outside : Place::root;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") refuse();
    place_ = Place::list;
    return true;
  }

  bool end_array() override {
    place_ = Place::tensor;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail(file_, ": byte ", length_bytes + position - 1, ": the header is not valid JSON here");
  }

 private:
  enum class Place { outside, root, metadata, tensor, list };

  std::string where() const {
    if (place_ == Place::metadata) return engine::text(file_, ": ", metadata_key);
    const bool inside = place_ == Place::tensor || place_ == Place::list;
    return inside ? engine::text(file_, ": tensor ", quoted(header_.tensors.back().name)) : file_;
  }

  /// The value that begins is not what its place asks for.
  [[noreturn]] void refuse() const {
    if (place_ == Place::metadata) fail(where(), ": ", quoted(key_), " is not a string");
    if (place_ == Place::root) fail(where(), ": ", quoted(key_), " is not an object");
    if (place_ == Place::list) fail(where(), ": ", key_, " may hold only whole numbers from 0 to ", largest_number);
    fail(where(), ": ", key_, key_ == "dtype" ? " is not a string" : " is not a list of numbers");
  }

  void complete(SafeTensor& tensor) const {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      ENSURE(keys_.contains(field), where(), ": has no ", field);
    }
    const DType* dtype = find_dtype(tensor.dtype);
    ENSURE(dtype, where(), ": unknown dtype ", quoted(tensor.dtype));
    ENSURE(offsets_.size() == 2, where(), ": data_offsets holds ", offsets_.size(), " numbers, not 2");
    std::tie(tensor.begin, tensor.end) = std::tuple(offsets_[0], offsets_[1]);
    ENSURE(tensor.begin <= tensor.end, where(), ": data_offsets ", listed(offsets_), " end before they begin");
    uint64_t bytes = 0;
    ENSURE(byte_count(tensor.shape, dtype->bytes, bytes), where(), ": shape ", listed(tensor.shape), " is too large");
    ENSURE(tensor.end - tensor.begin == bytes, where(), ": data_offsets ", listed(offsets_), " are ",
           tensor.end - tensor.begin, " bytes, but ", tensor.dtype, " of shape ", listed(tensor.shape), " has ", bytes);
  }

  const std::string& file_;
  SafetensorsHeader& header_;
  Place place_ = Place::outside;
  std::string key_;                     // the last one
  std::set<std::string> names_, keys_;  // those of the header, and of the object in it
  std::vector<uint64_t> offsets_;
};

/// Every byte of the values must belong to exactly one tensor.
void require_cover(const std::string& file, const std::vector<SafeTensor>& tensors, uint64_t value_bytes) {
  uint64_t covered = 0;
  for (const SafeTensor& tensor : tensors) {
    const char* wrong = tensor.begin < covered ? "overlaps the tensor before it" : "leaves a hole before it";
    ENSURE(tensor.begin == covered, file, ": tensor ", quoted(tensor.name), " ", wrong, ": it begins at byte ",
           tensor.begin, " of the values, not at ", covered);
    ENSURE(tensor.end <= value_bytes, file, ": tensor ", quoted(tensor.name), " ends at byte ", tensor.end,
           " of the values, but the file ends at ", value_bytes);
    covered = tensor.end;
  }
  ENSURE(covered == value_bytes, file, ": ", value_bytes - covered, " bytes after the last tensor belong to none");
}

/// A file, open at its first value.
struct OpenFile {
  std::ifstream in;
  SafetensorsHeader header;
  uint64_t value_bytes = 0;
};

void read(std::ifstream& in, const std::string& file, std::string& bytes) {
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ENSURE(in, file, ": cannot be read: ", std::strerror(errno));
}

OpenFile open(const std::filesystem::path& path) {
  const std::string file = path.string();
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  ENSURE(!error, file, ": ", error.message());
  ENSURE(size >= length_bytes, file, ": has ", size, " bytes, too few for a safetensors file");
  OpenFile opened{.in = std::ifstream(path, std::ios::binary), .header = {}};

  std::string bytes(length_bytes, '\0');
  read(opened.in, file, bytes);
  ENSURE(!bytes.starts_with("PK\x03\x04") && !bytes.starts_with("\x80\x02"), file,
         ": is a pickle, which can run code when it is read; save it as safetensors first");
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), length_bytes);
  ENSURE(length <= longest_header, file, ": a header of ", length, " bytes is above the limit of ", longest_header);
  ENSURE(length <= size - length_bytes, file, ": a header of ", length, " bytes is beyond the end of the file");
  bytes.resize(length);
  read(opened.in, file, bytes);
  const size_t first = bytes.find_first_not_of(" \t\r\n");
  ENSURE(first != std::string::npos && bytes[first] == '{', file, ": byte ",
         length_bytes + std::min<uint64_t>(first, length), ": the header does not start with {");
  // The parser would take a zero byte for the end, and never look at what follows.
  const size_t zero = bytes.find('\0');
  ENSURE(zero == std::string::npos, file, ": byte ", length_bytes + zero, ": the header is not valid JSON here");
  HeaderReader reader(file, opened.header);
  json::sax_parse(bytes, &reader);

  std::vector<SafeTensor>& tensors = opened.header.tensors;
  std::stable_sort(tensors.begin(), tensors.end(), [](const SafeTensor& a, const SafeTensor& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  opened.value_bytes = size - length_bytes - length;
  require_cover(file, tensors, opened.value_bytes);
  return opened;
}

}  // namespace

std::string quoted(const std::string& text) {
  constexpr size_t most = 100;
  return json(text.substr(0, most)).dump(-1, ' ', true, json::error_handler_t::replace) +
         (text.size() > most ? "..." : "");
}

std::string listed(const std::vector<uint64_t>& shape) {
  constexpr size_t most = 8;
  std::string list;
  for (size_t i = 0; i < std::min(shape.size(), most); ++i) list += (i ? ", " : "") + std::to_string(shape[i]);
  return "[" + list + (shape.size() > most ? ", ...]" : "]");
}

SafetensorsHeader read_safetensors_header(const std::filesystem::path& path) { return open(path).header; }

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  OpenFile opened = open(path);
  SafetensorsFile file{.header = std::move(opened.header), .values = std::string(opened.value_bytes, '\0')};
  read(opened.in, path.string(), file.values);
  return file;
}

void write_safetensors(const std::filesystem::path& path, std::vector<NewTensor> tensors, const Metadata& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const NewTensor& a, const NewTensor& b) {
    return a.dtype == b.dtype ? a.name < b.name : find_dtype(a.dtype) > find_dtype(b.dtype);
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[metadata_key] = metadata;
  std::vector<uint64_t> ends;
  for (const NewTensor& tensor : tensors) {
    const std::string where = engine::text(path.string(), ": tensor ", quoted(tensor.name));
    const DType* dtype = find_dtype(tensor.dtype);
    uint64_t bytes = 0;
    ENSURE(dtype, where, ": unknown dtype ", quoted(tensor.dtype));
    ENSURE(byte_count(tensor.shape, dtype->bytes, bytes), where, ": shape ", listed(tensor.shape), " is too large");
    ENSURE(tensor.name != metadata_key && !header.contains(tensor.name), where, ": the name is taken");
    const uint64_t begin = ends.empty() ? 0 : ends.back();
    ends.push_back(begin + bytes);
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, ends.back()}}};
  }
  std::string file = header.dump(-1, ' ', false, json::error_handler_t::replace);
  file.resize((file.size() + 7) / 8 * 8, ' ');
  const uint64_t length = file.size();
  ENSURE(length <= longest_header, path.string(), ": a header of ", length, " bytes is above the limit of ",
         longest_header);
  file.insert(0, reinterpret_cast<const char*>(&length), length_bytes);
  const size_t values = file.size();
  file.resize(values + (ends.empty() ? 0 : ends.back()));
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].fill(file.data() + values + (i == 0 ? 0 : ends[i - 1]));
  engine::write_file(path, file);
}

}  // namespace nn
