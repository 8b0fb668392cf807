#include "apps/support/training_state.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "data/checksum.h"
#include "engine/error.h"
#include "engine/file.h"
#include "engine/names.h"
#include "nn/safetensors.h"

namespace apps {
namespace {

namespace fs = std::filesystem;
using engine::Tensor;
using nlohmann::json;

/// Changes whenever a state file of before could not be understood any more.
constexpr const char* version = "3";

/// A file that does not hold any more what was written to it.
struct Damaged : engine::Error {
  using Error::Error;
};

std::string_view bytes_of(const Tensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.data()), sizeof(float) * static_cast<size_t>(tensor.elements())};
}

/// Shapes as the engine has them: only demix reads these files.
std::vector<uint64_t> extents(const Tensor& tensor) {
  std::vector<uint64_t> list;
  for (int i = 0; i < tensor.shape().rank(); ++i) list.push_back(static_cast<uint64_t>(tensor.shape()[i]));
  return list;
}

/// Reads a state file; what is not as safetensors files are is damaged.
template <class File>
File read_as(File (*read)(const fs::path&), const fs::path& path) {
  ENSURE(::access(path.c_str(), R_OK) == 0, path.string(), ": cannot be read: ", std::strerror(errno));
  try {
    return read(path);
  } catch (const engine::Error& error) {
    throw Damaged(error.what());
  }
}

/// The texts beside the tensors, as JSON.
std::map<std::string, json> texts_of(const fs::path& path, const nn::Metadata& metadata) {
  const auto found = metadata.find("demix-state");
  ENSURE(found != metadata.end(), path.string(), ": is not the state of a training");
  ENSURE(found->second == version, path.string(), ": is a state of version ", found->second, ", and this is ", version);
  std::map<std::string, json> texts;
  for (const char* name : {"position", "arguments", "environment", "sha256"}) {
    const auto text = metadata.find(name);
    texts[name] = json::parse(text == metadata.end() ? "" : text->second, nullptr, false);
    if (texts[name].is_discarded()) throw Damaged(engine::text(path.string(), ": is damaged: no ", name));
  }
  return texts;
}

constexpr const char* ending = ".state.safetensors";

/// The state files in a folder, the newest first; or the file itself that is one.
std::vector<fs::path> state_files(const fs::path& folder) {
  std::vector<fs::path> there;
  std::error_code error;
  if (folder.filename().string().ends_with(ending) && fs::is_regular_file(folder, error)) return {folder};
  for (const char* name : {"next", "last", "previous"}) {
    const fs::path path = folder / engine::text(name, ending);
    if (fs::exists(path, error)) there.push_back(path);
  }
  return there;
}

Position read(const fs::path& path, const nn::State& tensors) {
  const nn::SafetensorsFile file = read_as(nn::read_safetensors, path);
  std::map<std::string, json> texts = texts_of(path, file.header.metadata);
  std::map<std::string, const nn::SafeTensor*> stored;
  for (const nn::SafeTensor& tensor : file.header.tensors) stored[tensor.name] = &tensor;
  ENSURE(stored.size() == tensors.size(), path.string(), ": has ", stored.size(), " tensors, and this run ",
         tensors.size());
  for (const nn::Entry& entry : tensors) {
    Tensor tensor = entry.variable.value();
    const auto found = stored.find(entry.name);
    ENSURE(found != stored.end() && found->second->dtype == "F32" && found->second->shape == extents(tensor),
           path.string(), ": has no tensor ", nn::quoted(entry.name), " of shape ", tensor.shape());
    const std::string_view bytes =
        std::string_view(file.values).substr(found->second->begin, found->second->end - found->second->begin);
    if (texts["sha256"].at(entry.name) != data::checksum_of(bytes)) {
      throw Damaged(
          engine::text(path.string(), ": tensor ", nn::quoted(entry.name), " is damaged: its SHA-256 is another one"));
    }
    copy_bytes(bytes.data(), engine::Device::cpu, tensor.data(), tensor.device(), static_cast<int64_t>(bytes.size()));
  }
  const json& at = texts["position"];
  return {at.at("epoch"),  at.at("batches"),  at.at("step"),   at.at("losses"), at.at("loss_sum"),      at.at("lr"),
          at.at("failed"), at.at("troubles"), at.at("anchor"), at.at("rows"),   at.at("rows_elsewhere")};
}

}  // namespace

void StateFiles::save(const nn::State& tensors, const Position& p, const Origin& origin) const {
  std::vector<nn::NewTensor> all;
  json sums, list = json::array();
  for (const nn::Entry& entry : tensors) {
    const Tensor tensor = entry.variable.value().to(engine::Device::cpu);
    const std::string_view bytes = bytes_of(tensor);
    sums[entry.name] = data::checksum_of(bytes);
    all.push_back({entry.name, "F32", extents(tensor),
                   [tensor, bytes](char* to) { std::memcpy(to, bytes.data(), bytes.size()); }});
  }
  for (const Argument& argument : origin.arguments) list.push_back({argument.name, argument.value, argument.is_text});
  const json position{{"epoch", p.epoch},
                      {"batches", p.batches},
                      {"step", p.step},
                      {"losses", p.losses},
                      {"loss_sum", p.loss_sum},
                      {"lr", p.lr},
                      {"failed", p.failed},
                      {"troubles", p.troubles},
                      {"anchor", p.anchor},
                      {"rows", p.rows},
                      {"rows_elsewhere", p.rows_elsewhere}};
  const fs::path last = path_ / "last.state.safetensors", next = path_ / "next.state.safetensors";
  write_safetensors(next, std::move(all),
                    {{"demix-state", version},
                     {"position", position.dump()},
                     {"arguments", list.dump()},
                     {"environment", origin.environment},
                     {"sha256", sums.dump()}});
  std::error_code error;
  if (fs::exists(last, error)) fs::rename(last, path_ / "previous.state.safetensors", error);
  if (!error) fs::rename(next, last, error);
  ENSURE(!error, last.string(), ": cannot be written: ", error.message());
}

bool has_state(const fs::path& path) { return !state_files(path).empty(); }

std::string way_out(const fs::path& folder) {
  fs::path newest;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("checkpoint-") || !name.ends_with(ending)) continue;
    if (newest.empty() || fs::last_write_time(newest, error) < entry.last_write_time(error)) newest = entry.path();
  }
  return newest.empty() ? "" : engine::text("; try --resume ", newest.string());
}

void link_state(const fs::path& folder, const std::string& name) {
  const fs::path last = folder / "last.state.safetensors", to = folder / (name + ending), fresh = to.string() + ".tmp";
  std::error_code error;
  fs::remove(fresh, error);  // left by a run that was killed
  fs::create_hard_link(last, fresh, error);
  if (error == std::errc::operation_not_permitted || error == std::errc::operation_not_supported) {
    return engine::write_file(to, engine::read_file(last));  // on a file system without links
  }
  if (!error) fs::rename(fresh, to, error);
  ENSURE(!error, to.string(), ": cannot be written: ", error.message());
}

template <class Read>
auto StateFiles::newest(const Read& read, std::vector<std::string>& damages) const {
  const std::vector<fs::path> files = state_files(path_);
  ENSURE(!files.empty(), path_.string(), ": holds no state of a training to go on from");
  for (const fs::path& path : files) {
    try {
      return read(path);
    } catch (const Damaged& error) {
      damages.push_back(error.what());
    } catch (const json::exception& error) {
      damages.push_back(engine::text(path.string(), ": is damaged: ", error.what()));
    }
  }
  engine::fail(engine::joined(damages, "; "), way_out(path_));
}

Origin StateFiles::origin() const {
  std::vector<std::string> damages;  // told by load()
  return newest(
      [](const fs::path& path) {
        std::map<std::string, json> texts = texts_of(path, read_as(nn::read_safetensors_header, path).metadata);
        Origin origin{{}, texts["environment"].dump()};
        for (const json& one : texts["arguments"]) origin.arguments.push_back({one.at(0), one.at(1), one.at(2)});
        return origin;
      },
      damages);
}

Position StateFiles::load(const nn::State& tensors) const {
  std::vector<std::string> damages;
  const Position at = newest([&](const fs::path& path) { return read(path, tensors); }, damages);
  for (const std::string& damage : damages) std::fprintf(stderr, "%s; the one before it is used\n", damage.c_str());
  return at;
}

}  // namespace apps
