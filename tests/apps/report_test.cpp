#include "apps/support/report.h"

#include <doctest/doctest.h>

#include <sstream>

#include "apps/support/arguments.h"
#include "apps/support/confusion.h"
#include "engine/error.h"
#include "engine/file.h"
#include "tests/support/scratch.h"

namespace fs = std::filesystem;
using engine::write_file;
using support::content;
using support::Scratch;

namespace {

const std::string header = "epoch,train_loss,eval_loss,eval_top1,eval_top5,mixed_top1,mixed_top2,lr\n";

/// A run of three epochs, of which the second is the best and was not evaluated on mixed images.
fs::path make_run(const Scratch& scratch, const std::string& name) {
  const fs::path folder = scratch.path / name;
  fs::create_directories(folder);
  write_file(folder / "summary.csv", header +
                                         "1,2.5,2.25,31.25,81.5,20.5,3.5,0.1\n"
                                         "2,1.75,1.5,47.75,92.5,,,0.05\n"
                                         "3,1.25,1.625,46.5,91.75,33.25,7.125,0.001\n");
  return folder;
}

/// What begins and ends as a PNG does.
std::string png(const std::string& text) { return "\x89PNG\r\n\x1a\n" + text + "IEND\xae\x42\x60\x82"; }

size_t times(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The text of a page without tags, with single spaces.
std::string words(const std::string& page) {
  std::string bare, text, word;
  bool tag = false;
  for (const char c : page.substr(page.find("<body>"))) {
    tag = c == '<' || (tag && c != '>');
    bare += tag || c == '>' ? ' ' : c;
  }
  for (std::istringstream in(bare); in >> word;) text += " " + word;
  return text + " ";
}

/// What is wrong with a run's files, or nothing.
std::string problem(const fs::path& folder) {
  try {
    apps::write_report(folder);
    return "";
  } catch (const engine::Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a report of the summary alone has its figures and every point in a chart") {
  const Scratch scratch("report");
  const std::string page = apps::report_page(make_run(scratch, "alone"));
  const std::string text = words(page);
  for (const char* figure :
       {"best top-1 47.75 % epoch 2", "last top-1 46.50 %", "last top-5 91.75 %", "mixed top-1 33.25 %",
        "mixed top-2 7.12 %", "train loss 1.25", "test loss 1.625", "epochs 3 "}) {
    CAPTURE(figure);
    CHECK(has(text, figure));
  }
  CHECK(has(page, "<title>alone</title>"));
  CHECK(times(page, "<figure class='chart'>") == 4);
  CHECK(times(page, "<polyline") == 7);
  CHECK(times(page, "<circle") == 5 * 3 + 2 * 2);
  CHECK(has(page, "<title>top-1, epoch 2: 47.75</title>"));
  size_t points = 0;
  for (size_t at = 0; (at = page.find(" points='", at)) != std::string::npos;) {
    at += 9;
    points += times(page.substr(at, page.find('\'', at) - at), ",");
  }
  CHECK(points == 5 * 3 + 2 * 2);
  for (const char* absent : {"Confusion", "Pictures", "Arguments", "Environment", "nan", "src=", "href="}) {
    CAPTURE(absent);
    CHECK_FALSE(has(page, absent));
  }
}

TEST_CASE("a report tells what the other files hold, and nothing in them becomes markup") {
  const Scratch scratch("report2");
  const fs::path folder = make_run(scratch, "it's <b>full");
  const std::string hostile = "<script>alert('\"&')</script>";
  const std::string safe = "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;";
  write_file(folder / "args.yaml", apps::yaml_of({{"experiment", "it's " + hostile, true},
                                                  {"model", "resnet18", true},
                                                  {"dataset", "shapes", true},
                                                  {"mix", hostile, true},
                                                  {"lr", "0.1", false},
                                                  {"recipe", "", true}}));
  write_file(folder / "env.json", R"({"parameters": 11220132, "data": {"train": {"images": 50000}}, "<b>": "<i>"})");
  write_file(folder / "metrics.jsonl",
             "{\"epoch\": 1, \"step\": 50, \"loss\": 2.5, \"lr\": 0.125, \"images_per_second\": 900}\n"
             "{\"epoch\": 1, \"step\": 100, \"loss\": null, \"images_per_second\": 1000}\n"
             "{\"epoch\": 1, \"step\": 150, \"loss\": 1.5, \"images_per_second\": 1700}\n{\"epoch\": 2, \"st");
  apps::Confusion confusion({hostile, "a, \"b\"\nc", "dog"});
  for (int i = 0; i < 1234; ++i) confusion.add(0, 0);
  for (int i = 0; i < 56; ++i) confusion.add(2, 1);
  write_file(folder / "confusion.csv", confusion.csv());
  fs::create_directory(folder / "images");
  write_file(folder / "images" / "mixed.png", png(""));
  write_file(folder / "images" / "<b>_best.png", png("1"));
  write_file(folder / "images" / "<b>_cut.png", png("2").substr(0, 12));
  write_file(folder / "images" / "notes.txt", "not a picture");

  const std::string page = apps::report_page(folder), text = words(page);
  CHECK_FALSE(has(page, "<script"));
  CHECK_FALSE(has(page, "<b>"));
  CHECK_FALSE(has(page, "<i>"));
  CHECK(has(page, "<h1>it&#39;s &lt;b&gt;full</h1>"));
  CHECK(has(text, "resnet18 on shapes, mix " + safe));
  CHECK(has(text, "lr 0.1 "));
  CHECK(has(text, "parameters 11,220,132"));
  CHECK(has(text, "data train images 50000"));
  CHECK(has(text, "images a second 1000 median"));
  CHECK(has(page, "<title>mean of the epoch so far, step 150: 1.5</title>"));
  CHECK(has(page, "<title>training, step 100: 1000</title>"));
  CHECK(times(page, "<td style='background:") == 2);
  CHECK(has(page, ">1234</td>"));
  CHECK(has(text, "56 dog taken for a, &quot;b&quot; c "));
  CHECK(times(page, "<img ") == 2);
  CHECK(has(page, "src='data:image/png;base64,iVBORw0KGgpJRU5ErkJggg=='"));
  CHECK(has(text, " &lt;b&gt; cut &lt;b&gt;_cut.png is damaged "));
  CHECK(has(page, "<title>schedule, step 50: 0.125</title>"));
  CHECK(has(page,
            "<figcaption>&lt;b&gt; best</figcaption><img alt='&lt;b&gt; best' "
            "src='data:image/png;base64,iVBORw0KGgoxSUVORK5CYII='"));
}

TEST_CASE("the pictures of a run come in an order of their own, each with what to look for, and others last") {
  const Scratch scratch("report7");
  const fs::path folder = make_run(scratch, "pictures");
  fs::create_directory(folder / "images");
  for (const char* name : {"another", "best", "cam", "mixed", "worst", "zebra"}) {
    write_file(folder / "images" / (std::string(name) + ".png"), png(name));
  }
  const std::string page = apps::report_page(folder);
  size_t before = 0;
  for (const char* data :
       {"iVBORw0KGgptaXhlZElFTkSuQmCC", "iVBORw0KGgpjYW1JRU5ErkJggg==", "iVBORw0KGgp3b3JzdElFTkSuQmCC",
        "iVBORw0KGgpiZXN0SUVORK5CYII=", "iVBORw0KGgphbm90aGVySUVORK5CYII=", "iVBORw0KGgp6ZWJyYUlFTkSuQmCC"}) {
    CAPTURE(data);
    const size_t at = page.find(engine::text("src='data:image/png;base64,", data, "'></figure>"));
    REQUIRE(at != std::string::npos);
    CHECK(at > before);
    before = at;
  }
  CHECK(times(page, "<img ") == 6);
  CHECK(times(page.substr(page.find("<h2>Pictures")), "<p class='note'>") == 4);
  CHECK(has(page, "<figcaption>Where the network looks</figcaption>"));
}

TEST_CASE("a confusion matrix of many classes is drawn as an image with a square for every pair that occurs") {
  const Scratch scratch("report3");
  const fs::path folder = make_run(scratch, "many");
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back(engine::text("c", i));
  apps::Confusion confusion(names);
  for (int i = 0; i < 100; ++i) confusion.add(i, i);
  for (int i = 0; i < 3; ++i) confusion.add(17, 42);
  write_file(folder / "confusion.csv", confusion.csv());
  const std::string page = apps::report_page(folder);
  CHECK(times(page, "h1v1h-1z") == 101);
  CHECK(has(page, "M42 17h1v1h-1z"));
  CHECK(has(words(page), " 3 c17 taken for c42 "));
  CHECK_FALSE(has(page, "<table class='matrix'>"));
}

TEST_CASE("a long run makes a page of moderate size") {
  const Scratch scratch("report4");
  const fs::path folder = make_run(scratch, "long");
  std::string rows = header, metrics;
  for (int i = 1; i <= 2000; ++i) rows += engine::text(i, ",1,2,3,4,5,6,7\n");
  for (int i = 1; i <= 20000; ++i) metrics += engine::text("{\"step\":", i, ",\"loss\":", i % 2, "}\n");
  write_file(folder / "summary.csv", rows);
  write_file(folder / "metrics.jsonl", metrics);
  const std::string page = apps::report_page(folder);
  CHECK(page.size() < 400'000);
  CHECK(times(page, ": 0.5</title>") == 400);  // neighbours replaced by their mean
}

TEST_CASE("a comparison has a line for each run, and of the arguments only those that differ") {
  const Scratch scratch("report5");
  const fs::path a = make_run(scratch, "first"), b = make_run(scratch, "second <b>");
  write_file(a / "args.yaml", "experiment: 'first'\nloss: 'ce'\nlr: 0.1\nsame: 'same value'\n");
  write_file(
      b / "args.yaml",
      "experiment: 'renamed since'\nloss: 'dm'\nlr: 0.1\nsame: 'same value'\ndata_dir: 'cats'\nextra: 7\nworkers: 3\n");
  write_file(b / "summary.csv", header + "1,2.5,2.25,61.5,81.5,,,0.1\n");
  const std::string page = apps::comparison_page({a, b}), text = words(page);
  CHECK(has(text, " first second &lt;b&gt; best top-1 47.75 % epoch 2 61.50 % epoch 1 last top-1 46.50 % 61.50 % "));
  CHECK(has(text, " mixed top-1 33.25 % &ndash; "));
  CHECK(has(text, " loss ce dm data-dir cats extra 7 Curves"));
  for (const char* same : {"same", " lr ", "experiment", "renamed", "workers"}) {
    CAPTURE(same);
    CHECK_FALSE(has(text, same));
  }
  CHECK(times(page, "<figure class='chart'>") == 7);
  CHECK(times(page, "<polyline") == 12);  // the second has none on mixed images
  CHECK_FALSE(has(page, "<b>"));

  const std::string twice = words(apps::comparison_page({a, a / ".." / "first"}));  // of one name: told apart by folder
  CHECK(has(twice, (a / ".." / "first").string()));
}

TEST_CASE("what is no run, or cannot be read, is refused with file and line, and the older page stays") {
  const Scratch scratch("report6");
  CHECK(has(problem(scratch.path), "is not the folder of a run: it has no summary.csv"));
  CHECK_FALSE(fs::exists(scratch.path / "report.html"));
  struct Damage {
    const char *file, *text, *told;
  };
  for (const auto& [file, damage, told] : std::initializer_list<Damage>{
           {"summary.csv", "", "summary.csv:1: "},
           {"summary.csv", "a,b\n1,2\n", "summary.csv:1: "},
           {"summary.csv", "epoch,lr\n1,2\n2\n", "summary.csv:3: 1 fields, 2 expected"},
           {"summary.csv", "epoch,lr\n1,0.1x\n", "summary.csv:2: '0.1x' is not a number for lr"},
           {"summary.csv", "epoch,lr\n,0.1\n", "summary.csv:2: '' is not a number for epoch"},
           {"metrics.jsonl", "{\"step\":1}\n{\"st\n{\"step\":3}\n", "metrics.jsonl:2: is not a JSON object"},
           {"args.yaml", "a: 1\nb\n", "args.yaml:2: is not 'name: value'"},
           {"env.json", "{", "env.json: is not a JSON object"},
           {"confusion.csv", "t,a\n", "confusion.csv: 1 classes in 1 rows"},
           {"confusion.csv", "t,a,b\na,1,2\nb,1,x\n", "confusion.csv: row 3: 'x' is not a count"},
           {"confusion.csv", "t,a,b\na,1,-2\nb,1,1\n", "confusion.csv: row 2: '-2' is not a count"},
           {"confusion.csv", "t,a,b\na,1\nb,1,1\n", "confusion.csv: row 2: 2 fields, 3 expected"},
           {"confusion.csv", "t,a\na,\"1\n", "confusion.csv: does not end"}}) {
    const fs::path folder = make_run(scratch, "damaged");
    write_file(folder / "report.html", "older");
    write_file(folder / file, damage);
    const std::string line = problem(folder);
    CHECK_MESSAGE(has(line, told), line);
    CHECK(has(line, folder.string()));
    CHECK(content(folder / "report.html") == "older");
    fs::remove_all(folder);
  }
  const fs::path folder = make_run(scratch, "good");
  write_file(folder / "summary.csv", header);
  CHECK(problem(folder) == "");
  CHECK(has(content(folder / "report.html"), "No epoch is finished yet"));
  write_file(folder / "summary.csv", header + "1,1,inf,1e308,-1e308,5e-324,0,\n2,nan,2,1e308,1e308,0,0,\n");
  CHECK(problem(folder) == "");
  const std::string page = content(folder / "report.html");
  CHECK(has(page, "<p class='trouble'>eval_loss in epoch 1 is inf</p>"));
  CHECK(times(page, "<polyline") == 4);
  CHECK_FALSE(has(page, "nan"));
}
