#include "data/download.h"
#include "engine/names.h"

namespace data {
namespace {

struct Row {
  const char* name;
  Archive archive;
};

std::vector<Row> table() {
  const int64_t cifar10_file = 10000 * 3073;  // records of a label and 3 x 1024 bytes; of two labels for CIFAR-100
  return {{"cifar10",
           {"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            170052171,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            {"cifar-10-batches-bin",
             {{"data_batch_1.bin", cifar10_file},
              {"data_batch_2.bin", cifar10_file},
              {"data_batch_3.bin", cifar10_file},
              {"data_batch_4.bin", cifar10_file},
              {"data_batch_5.bin", cifar10_file},
              {"test_batch.bin", cifar10_file},
              {"batches.meta.txt"}}}}},
          {"cifar100",
           {"https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            168513733,
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            {"cifar-100-binary",
             {{"train.bin", 50000 * 3074},
              {"test.bin", 10000 * 3074},
              {"fine_label_names.txt"},
              {"coarse_label_names.txt"}}}}},
          {"tiny-imagenet",
           {"http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            248100043,
            "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
            {.folder = "tiny-imagenet-200", .first = "wnids.txt"}}}};
}

}  // namespace

const Archive& archive_of(const std::string& dataset) {
  static const std::vector<Row> rows = table();
  return engine::find_named(rows, "data set to download", dataset).archive;
}

}  // namespace data
