#include "apps/support/confusion.h"

#include <doctest/doctest.h>

#include "engine/error.h"

TEST_CASE("a confusion matrix counts true classes by rows, and quotes names in CSV") {
  apps::Confusion confusion({"cat", "dog, small", "say \"bird\""});
  for (const auto& [truth, guess] : {std::pair{0, 0}, {0, 1}, {0, 1}, {2, 0}, {2, 2}}) confusion.add(truth, guess);
  CHECK(confusion.counts() == std::vector<std::vector<int64_t>>{{1, 2, 0}, {0, 0, 0}, {1, 0, 1}});
  CHECK(confusion.csv() ==
        "true \\ predicted,cat,\"dog, small\",\"say \"\"bird\"\"\"\n"
        "cat,1,2,0\n\"dog, small\",0,0,0\n\"say \"\"bird\"\"\",1,0,1\n");
  CHECK(confusion.table() ==
        "true \\ predicted     cat dog, sm say \"bi\n"
        "cat                    1       2       0\n"
        "dog, small             0       0       0\n"
        "say \"bird\"             1       0       1\n");
}

TEST_CASE("of many classes the pairs mistaken most often are told, most often first") {
  std::vector<std::string> names;
  for (int k = 0; k < 13; ++k) names.push_back(engine::text("c", k));
  apps::Confusion confusion(names);
  for (int i = 0; i < 5; ++i) confusion.add(3, 3);
  for (int i = 0; i < 2; ++i) confusion.add(4, 1);
  for (int i = 0; i < 3; ++i) confusion.add(12, 0);
  CHECK(confusion.table() == "mistaken most often\n     3  c12 for c0\n     2  c4 for c1\n");
}
