#include "apps/support/progress.h"

#include <doctest/doctest.h>

#include <algorithm>

using apps::progress_line;

TEST_CASE("the progress line uses the room there is, and leaves out last what matters most") {
  const apps::StepReport report{3, 200, 97, 390, 2.30125, 0.1, 61.4, 12345, 0.0123};
  CHECK(progress_line(report, 200) ==
        "epoch 3/200 [####................] 97/390  loss 2.3013  lr 0.1  61 images/s  eta 3:25:45  data wait 1.2%");
  CHECK(progress_line(report, 100) ==
        "epoch 3/200 [###............] 97/390  loss 2.3013  lr 0.1  61 images/s  eta 3:25:45  data wait 1.2%");
  CHECK(progress_line(report, 80) == "3/200 [###............] 97/390  loss 2.3013  lr 0.1  61/s  eta 3:25:45  wait 1%");
  CHECK(progress_line(report, 70) == "3/200 [#....] 97/390  loss 2.3013  lr 0.1  61/s  eta 3:25:45  wait 1%");
  CHECK(progress_line(report, 60) == "3/200 97/390  loss 2.3013  61/s  eta 3:25:45  wait 1%");
  CHECK(progress_line(report, 45) == "3/200 97/390  loss 2.3013  eta 3:25:45");
  CHECK(progress_line(report, 20) == "3/200 97/390");

  const apps::StepReport extreme{100000, 100000, 1000000, 1000000, 1.25e30, 1.234567e-10, 1e7, 1e8, 1};
  for (const apps::StepReport& one : {report, extreme}) {
    for (size_t columns = 40; columns < 140; ++columns) {
      const std::string line = progress_line(one, columns);
      CHECK(line.size() < columns);
      CHECK(std::count(line.begin(), line.end(), '/') >= 2);
    }
  }
  const std::string all = progress_line(extreme, 200);
  CHECK(all.find("loss 1.2e+30  ") != std::string::npos);
  CHECK(all.find("[####################]") != std::string::npos);
}
