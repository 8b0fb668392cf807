#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/support/run_folder.h"
#include "nn/module.h"

namespace apps {

/// Where a run stands, besides its tensors. All random numbers follow from the seed and this.
struct Position {
  int64_t epoch = 0;              // counted from 0
  int64_t batches = 0;            // of the epoch that have been trained on
  int64_t step = 0;               // updates made since the start
  double loss_sum = 0, lr = 0;    // losses of these batches; rate of the last update
  std::vector<std::string> rows;  // of summary.csv, of the epochs before
};

/// Whether a folder holds a state to go on from, or a file is one by its name.
bool has_state(const std::filesystem::path& path);

/// Keeps the newest state of a folder under another name, <name>.state.safetensors, at no cost where the file system
/// has links.
void link_state(const std::filesystem::path& folder, const std::string& name);

/// A run's state files: the newest, and the one before it, which is kept until the newest is safely on the disk. Each
/// has all tensors with a SHA-256 each, the position and the arguments.
class StateFiles {
 public:
  /// Those in a folder, or a single file to be read.
  explicit StateFiles(std::filesystem::path path) : path_(std::move(path)) {}

  /// Writes the newest.
  void save(const nn::State& tensors, const Position& position, const Arguments& arguments) const;

  /// The arguments of the run; an Error where there is no state.
  Arguments arguments() const;

  /// Reads the newest into tensors of the same names and shapes. One that is damaged is named on stderr, and the one
  /// before it is read. An Error where none can be read leaves the tensors in any state.
  Position load(const nn::State& tensors) const;

 private:
  /// Those that are there, the newest first.
  std::vector<std::filesystem::path> files() const;

  std::filesystem::path path_;
};

}  // namespace apps
