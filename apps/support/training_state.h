#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/support/arguments.h"
#include "nn/module.h"

namespace apps {

/// Where a run stands, besides its tensors. All random numbers follow from the seed and this.
struct Position {
  int64_t epoch = 0;                 // counted from 0
  int64_t batches = 0;               // of the epoch that have been trained on
  int64_t step = 0;                  // updates made since the start
  int64_t losses = 0;                // how many of these batches had a finite loss
  double loss_sum = 0, lr = 0;       // their losses; rate of the last update
  int64_t failed = 0, troubles = 0;  // the last step that was not finite, and how many were without a good time between
  int64_t anchor = 0;                // the step that such a step may go back to
  std::vector<std::string> rows = {};  // of summary.csv, of the epochs before
  int64_t rows_elsewhere = 0;          // how many of them come from another folder
};

/// What a run was begun with: its flags, and environment() as JSON.
struct Origin {
  Arguments arguments;
  std::string environment = "{}";
};

/// Whether a folder holds a state to go on from, or a file is one by its name.
bool has_state(const std::filesystem::path& path);

/// "; try --resume ..." with the newest state of an epoch that a folder keeps, where the newest ones are lost.
std::string way_out(const std::filesystem::path& folder);

/// Keeps the newest state of a folder under another name, <name>.state.safetensors, at no cost where the file system
/// has links.
void link_state(const std::filesystem::path& folder, const std::string& name);

/// A run's state files: the newest, and the one before it, which is kept until the newest is safely on the disk. Each
/// has all tensors with a SHA-256 each, the position and the origin. The newest that is not damaged is
/// read. An Error where there is none; and where one cannot be read for another reason, such as its version: it may be
/// good, and is not passed over.
class StateFiles {
 public:
  /// Those in a folder, or a single file to be read.
  explicit StateFiles(std::filesystem::path path) : path_(std::move(path)) {}

  /// Writes the newest.
  void save(const nn::State& tensors, const Position& position, const Origin& origin) const;

  Origin origin() const;

  /// Fills tensors of the same names and shapes, and names damaged files on stderr. An Error leaves the tensors in any
  /// state.
  Position load(const nn::State& tensors) const;

 private:
  /// What is read from the newest that is not damaged; what is wrong with the newer ones is added.
  template <class Read>
  auto newest(const Read& read, std::vector<std::string>& damages) const;

  std::filesystem::path path_;
};

}  // namespace apps
