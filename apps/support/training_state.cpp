#include "apps/support/training_state.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "data/checksum.h"
#include "engine/error.h"
#include "engine/file.h"
#include "nn/safetensors.h"

namespace apps {
namespace {

namespace fs = std::filesystem;
using engine::Tensor;
using nlohmann::json;

/// Changes whenever a state file of before could not be understood any more.
constexpr const char* version = "1";

std::string_view bytes_of(const Tensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.data()), sizeof(float) * static_cast<size_t>(tensor.elements())};
}

/// Shapes as the engine has them: only demix reads these files.
std::vector<uint64_t> extents(const Tensor& tensor) {
  std::vector<uint64_t> list;
  for (int i = 0; i < tensor.shape().rank(); ++i) list.push_back(static_cast<uint64_t>(tensor.shape()[i]));
  return list;
}

/// One of the texts beside the tensors, as JSON.
json metadata(const fs::path& file, const nn::Metadata& all, const char* name) {
  const auto found = all.find(name);
  ENSURE(found != all.end(), file.string(), ": is not the state of a training");
  return json::parse(found->second);
}

void require_version(const fs::path& file, const nn::Metadata& all) {
  const auto found = all.find("demix-state");
  ENSURE(found != all.end(), file.string(), ": is not the state of a training");
  ENSURE(found->second == version, file.string(), ": is a state of version ", found->second, ", and this is ", version);
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
  const nn::SafetensorsFile file = nn::read_safetensors(path);
  require_version(path, file.header.metadata);
  std::map<std::string, const nn::SafeTensor*> stored;
  for (const nn::SafeTensor& tensor : file.header.tensors) stored[tensor.name] = &tensor;
  const json sums = metadata(path, file.header.metadata, "sha256");
  ENSURE(stored.size() == tensors.size(), path.string(), ": has ", stored.size(), " tensors, and this run ",
         tensors.size());
  for (const nn::Entry& entry : tensors) {
    Tensor tensor = entry.variable.value();
    const auto found = stored.find(entry.name);
    ENSURE(found != stored.end() && found->second->dtype == "F32" && found->second->shape == extents(tensor),
           path.string(), ": has no tensor ", nn::quoted(entry.name), " of shape ", tensor.shape());
    const std::string_view bytes =
        std::string_view(file.values).substr(found->second->begin, found->second->end - found->second->begin);
    ENSURE(sums.at(entry.name) == data::checksum_of(bytes), path.string(), ": tensor ", nn::quoted(entry.name),
           " is damaged: its SHA-256 is another one");
    std::memcpy(tensor.data(), bytes.data(), bytes.size());
  }
  const json at = metadata(path, file.header.metadata, "position");
  return {at.at("epoch"), at.at("batches"), at.at("step"), at.at("loss_sum"), at.at("lr"), at.at("rows")};
}

/// What is in a file is wrong in a way of which only the JSON library knows.
template <class Read>
auto with_file(const fs::path& path, const Read& read) {
  try {
    return read();
  } catch (const json::exception& error) {
    engine::fail(path.string(), ": is not the state of a training: ", error.what());
  }
}

}  // namespace

void StateFiles::save(const nn::State& tensors, const Position& p, const Arguments& arguments) const {
  std::vector<nn::NewTensor> all;
  json sums, list = json::array();
  for (const nn::Entry& entry : tensors) {
    const Tensor tensor = entry.variable.value();
    const std::string_view bytes = bytes_of(tensor);
    sums[entry.name] = data::checksum_of(bytes);
    all.push_back({entry.name, "F32", extents(tensor),
                   [tensor, bytes](char* to) { std::memcpy(to, bytes.data(), bytes.size()); }});
  }
  for (const Argument& argument : arguments) list.push_back({argument.name, argument.value, argument.is_text});
  const json position{{"epoch", p.epoch},       {"batches", p.batches}, {"step", p.step},
                      {"loss_sum", p.loss_sum}, {"lr", p.lr},           {"rows", p.rows}};
  const fs::path last = path_ / "last.state.safetensors", next = path_ / "next.state.safetensors";
  write_safetensors(
      next, std::move(all),
      {{"demix-state", version}, {"position", position.dump()}, {"arguments", list.dump()}, {"sha256", sums.dump()}});
  std::error_code error;
  if (fs::exists(last, error)) fs::rename(last, path_ / "previous.state.safetensors", error);
  if (!error) fs::rename(next, last, error);
  ENSURE(!error, last.string(), ": cannot be written: ", error.message());
}

bool has_state(const fs::path& path) { return !state_files(path).empty(); }

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

std::vector<fs::path> StateFiles::files() const {
  const std::vector<fs::path> there = state_files(path_);
  ENSURE(!there.empty(), path_.string(), ": holds no state of a training to go on from");
  return there;
}

Arguments StateFiles::arguments() const {
  for (const fs::path& path : files()) {
    try {
      const nn::Metadata all = nn::read_safetensors_header(path).metadata;
      require_version(path, all);
      return with_file(path, [&] {
        Arguments arguments;
        for (const json& one : metadata(path, all, "arguments")) arguments.push_back({one.at(0), one.at(1), one.at(2)});
        return arguments;
      });
    } catch (const engine::Error&) {
      if (path == files().back()) throw;
    }
  }
  return {};
}

Position StateFiles::load(const nn::State& tensors) const {
  const std::vector<fs::path> all = files();
  for (const fs::path& path : all) {
    try {
      return with_file(path, [&] { return read(path, tensors); });
    } catch (const engine::Error& error) {
      if (path == all.back()) throw;
      std::fprintf(stderr, "%s; the one before it is used\n", error.what());
    }
  }
  return {};
}

}  // namespace apps
