#include <doctest/doctest.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <filesystem>
#include <thread>

#include "engine/file.h"
#include "engine/memory.h"
#include "engine/names.h"
#include "engine/ops.h"
#include "engine/parallel.h"
#include "tests/support/numbers.h"
#include "tests/support/scratch.h"

using namespace support;

TEST_CASE("a freed block is used again for the same size, and only for that") {
  const float* first = nullptr;
  {
    const Tensor a({1237});
    first = a.data();
  }
  const Tensor b({1237}), c({1238});
  CHECK(b.data() == first);
  CHECK(c.data() != first);
}

TEST_CASE("the pool counts what is in use and gives back what is not") {
  engine::memory::release_unused();
  const auto before = engine::memory::usage();
  {
    const Tensor a({1000});
    CHECK(engine::memory::usage().live == before.live + 4000);
    CHECK(engine::memory::usage().held == before.held + 4000);
  }
  CHECK(engine::memory::usage().live == before.live);
  CHECK(engine::memory::usage().held == before.held + 4000);
  CHECK(engine::memory::usage().peak >= before.live + 4000);
  engine::memory::release_unused();
  CHECK(engine::memory::usage().held == before.held);
}

TEST_CASE("large blocks are aligned to huge pages and small ones to cache lines") {
  CHECK(reinterpret_cast<uintptr_t>(Tensor({1 << 20}).data()) % (2 << 20) == 0);
  for (int64_t size : {1, 3, 17}) CHECK(reinterpret_cast<uintptr_t>(Tensor({size}).data()) % 64 == 0);
}

TEST_CASE("copies of a tensor share memory, clones do not, and reshaping keeps the values") {
  Tensor a = Tensor::from({2, 2}, {1, 2, 3, 4});
  CHECK(a.unique());
  Tensor same = a, copy = a.clone();
  CHECK_FALSE(a.unique());
  same.data()[0] = 9;
  CHECK(a.data()[0] == 9);
  CHECK(copy.data()[0] == 1);
  CHECK(a.reshaped({4}).data() == a.data());
  CHECK_THROWS_WITH(a.reshaped({3}), "reshape: (2, 2) to (3) changes the number of elements");
  CHECK_THROWS_AS(a.item(), engine::Error);
  CHECK_THROWS_AS(Tensor::from({3}, {1}), engine::Error);
  CHECK_THROWS_AS(Shape({-1}), engine::Error);
}

TEST_CASE("bfloat16 is rounded to nearest and halves to even; infinities, NaN and denormal numbers stay") {
  const std::pair<uint32_t, uint16_t> table[]{
      {0x3f800000, 0x3f80}, {0x3f807fff, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81}, {0x3f818000, 0x3f82},
      {0xbf818000, 0xbf82}, {0x7f7f7fff, 0x7f7f}, {0x7f7f8000, 0x7f80}, {0x7f800000, 0x7f80}, {0xff800000, 0xff80},
      {0x7f800001, 0x7fc0}, {0xffffffff, 0xffff}, {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x00000001, 0x0000},
      {0x00008000, 0x0000}, {0x00008001, 0x0001}, {0x00018000, 0x0002}, {0x807f8000, 0x8080}};
  for (const auto& [bits, expected] : table) {
    CAPTURE(bits);
    CHECK(engine::BFloat16(std::bit_cast<float>(bits)).bits == expected);
    const Tensor x = Tensor::from({1}, {std::bit_cast<float>(bits)});
    const Tensor y = engine::cast(engine::Variable(x), engine::DType::bf16).value();
    CHECK(y.as<engine::BFloat16>()->bits == expected);
    CHECK(std::bit_cast<uint32_t>(y.item()) == uint32_t{expected} << 16);
  }
}

TEST_CASE("a tensor of bfloat16 takes half the memory, is copied as one, and is not taken for float32") {
  const Tensor x = Tensor::from({3}, {1, -2.5f, 1.00390625f});
  Tensor y = engine::cast(engine::Variable(x), engine::DType::bf16).value();
  CHECK(y.bytes() == 6);
  CHECK(y.to_vector() == std::vector<float>{1, -2.5f, 1});
  CHECK(same_bits(y.clone(), y));
  CHECK(Tensor::like(y, {7}).dtype() == engine::DType::bf16);
  CHECK_THROWS_WITH(y.data(), "tensor: (3) is bfloat16 where the other type is needed");
  CHECK_THROWS_WITH(x.as<engine::BFloat16>(), "tensor: (3) is float32 where the other type is needed");
  CHECK_THROWS_AS(y.copy_from(x), engine::Error);
}

TEST_CASE("a CUDA tensor is one clear error where there is no GPU, and no backend for one") {
  std::string trouble;
  try {
    engine::require_device(engine::Device::cuda);
  } catch (const engine::Error& error) {
    trouble = error.what();
  }
  if (trouble.empty()) {
    CHECK(Tensor({1}, engine::Device::cuda).device() == engine::Device::cuda);
  } else {
    CHECK_THROWS_WITH(Tensor({1}, engine::Device::cuda), trouble.c_str());
    CHECK(trouble.starts_with("device cuda: "));
    CHECK(trouble.ends_with("; use --device cpu"));
  }
}

TEST_CASE("parallel_for covers the range once, in chunks that do not depend on the threads") {
  const int before = engine::threads();
  for (int threads : {1, 2, 7}) {
    engine::set_threads(threads);
    CHECK(engine::threads() == threads);
    for (int64_t n : {0, 1, 10, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<size_t>(n));
      engine::parallel_for(n, 7, [&](int64_t begin, int64_t end) {
        CHECK(begin % 7 == 0);
        CHECK(end == std::min(n, begin + 7));
        for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
      });
      for (const auto& count : visits) CHECK(count == 1);
    }
  }
  engine::set_threads(before);
}

TEST_CASE("parallel_for wakes threads that have gone to sleep, and waits for one that takes long") {
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); };
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> done = 0;
    pause();
    engine::parallel_for(4, 1, [&](int64_t begin, int64_t) {
      if (begin == round % 4) pause();
      ++done;
    });
    CHECK(done == 4);
  }
}

TEST_CASE("parallel_for may be nested, called from several threads, and throws what a chunk throws") {
  engine::set_threads(3);
  std::atomic<int> count{0};
  const auto nested = [&] {
    engine::parallel_for(8, 1,
                         [&](int64_t, int64_t) { engine::parallel_for(8, 1, [&](int64_t, int64_t) { ++count; }); });
  };
  std::thread other(nested);
  nested();
  other.join();
  CHECK(count == 128);
  CHECK_THROWS_WITH(engine::parallel_for(100, 1, [](int64_t begin, int64_t) { ENSURE(begin != 50, "chunk ", begin); }),
                    "chunk 50");
  CHECK_THROWS_AS(engine::set_threads(0), engine::Error);
  CHECK_THROWS_AS(engine::parallel_for(1, 1, [](int64_t, int64_t) { engine::set_threads(2); }), engine::Error);
  engine::set_threads(2);
}

TEST_CASE("denormal numbers are zero in every chunk, whichever thread has it, and as before afterwards") {
  volatile float tiny = 1e-40f;
  for (int threads : {1, 3}) {
    engine::set_threads(threads);
    std::vector<float> doubled(64, -1);
    engine::parallel_for(64, 1, [&](int64_t begin, int64_t) { doubled[static_cast<size_t>(begin)] = tiny * 2; });
    CHECK(doubled == std::vector<float>(64, 0));
    CHECK(tiny * 2 > 0);
  }
  engine::set_threads(2);
}

TEST_CASE("an unknown name is answered with the nearest one and all of them") {
  const std::vector<std::string> known{"resnet18", "resnet20", "linear"};
  CHECK(engine::nearest_name("resnet19", known) == "resnet18");
  CHECK(engine::nearest_name("zzzzzzzzz", known).empty());
  CHECK(engine::nearest_name("", {"a", "bc"}).empty());
  CHECK(engine::nearest_name("x", {"ce", "dm"}).empty());
  CHECK(engine::nearest_name("dmm", {"ce", "dm", "dm-bce"}) == "dm");
  CHECK(engine::nearest_name("all", {"lr", "wd"}).empty());
  CHECK(engine::nearest_name("checkpoint", {"config", "init-checkpoint"}) == "init-checkpoint");
  CHECK(engine::nearest_name("batch", {"bench", "batch-size"}) == "batch-size");
  CHECK(engine::nearest_name("batch", {"bench", "batch-size", "batch-repeat"}) == "bench");
  CHECK(engine::nearest_name("l", {"lr", "wd"}) == "lr");
  CHECK(engine::unknown_name("model", "linaer", known) ==
        "unknown model 'linaer': did you mean 'linear'? known: resnet18, resnet20, linear");
  CHECK(engine::unknown_name("flag", "lrr", std::vector<std::string>(41, "lr")) ==
        "unknown flag 'lrr': did you mean 'lr'? 41 are known");
}

TEST_CASE("a file is replaced as a whole, and a failure leaves the old one") {
  const Scratch scratch("file");
  const std::filesystem::path& folder = scratch.path;
  engine::write_file(folder / "a", "old");
  engine::write_file(folder / "a", std::string_view("new\0er", 6));
  CHECK(engine::read_file(folder / "a") == std::string("new\0er", 6));
  CHECK_THROWS_AS(engine::write_file(folder / "missing" / "a", "x"), engine::Error);
  std::filesystem::create_directory(folder / "taken");
  CHECK_THROWS_AS(engine::write_file(folder / "taken", "x"), engine::Error);
  CHECK_FALSE(std::filesystem::exists(folder / "taken.tmp"));
  CHECK_THROWS_AS(engine::read_file(folder / "nothing"), engine::Error);
}

TEST_CASE(
    "of writers of one file at once each one writes it as a whole, and what one left that was killed is replaced") {
  const Scratch scratch("writers");
  const std::filesystem::path path = scratch.path / "a";
  std::ofstream(scratch.path / "a.tmp") << std::string(100000, 'x');
  const auto is_whole = [](const std::string& file) {
    return !file.empty() && file == std::string(static_cast<size_t>(file[0]) * 997, file[0]);
  };
  engine::write_file(path, std::string(65 * 997, 65));
  CHECK(is_whole(engine::read_file(path)));
  std::vector<std::thread> writers;
  std::atomic<int> failed = 0;
  for (char letter = 'B'; letter < 'H'; ++letter) {
    writers.emplace_back([&, letter] {
      for (int i = 0; i < 50; ++i) {
        try {
          engine::write_file(path, std::string(static_cast<size_t>(letter) * 997, letter));
          if (!is_whole(engine::read_file(path))) ++failed;
        } catch (const engine::Error&) {
          ++failed;
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(failed == 0);
  CHECK(is_whole(engine::read_file(path)));
  CHECK_FALSE(std::filesystem::exists(scratch.path / "a.tmp"));
}
