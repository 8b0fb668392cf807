#include "apps/support/report.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "apps/support/arguments.h"
#include "apps/support/chart.h"
#include "apps/support/format.h"
#include "apps/support/run_record.h"
#include "engine/error.h"
#include "engine/file.h"

namespace apps {
namespace {

namespace fs = std::filesystem;
using engine::text;

const char* const style = R"(
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --ink: #222; --soft: #5f6670; --line: #d8dce1; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --card: #161b22; --ink: #e6e6e6; --soft: #a0a8b2; --line: #30363d; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 20px 12px; }
h1 { margin: 0; font-size: 1.7rem; overflow-wrap: anywhere; }
h2 { margin: 28px 0 10px; font-size: 1.2rem; }
h3 { margin: 0; font-size: 1rem; }
p { margin: 4px 0; }
figure { margin: 0; }
.note { margin-bottom: 6px; color: var(--soft); overflow-wrap: anywhere; }
.trouble { padding-left: 10px; border-left: 4px solid #d55e00; overflow-wrap: anywhere; }
.card, .chart, .figures > div, details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.card, .chart { padding: 12px; }
.card { margin-bottom: 12px; overflow-x: auto; }

.figures { display: grid; grid-template-columns: repeat(5, 1fr); gap: 8px; margin: 14px 0; }
.figures > div { padding: 8px 12px; }
.figures dt { color: var(--soft); font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.25rem; font-weight: 600; }
.figures small { white-space: nowrap; font-size: .8rem; font-weight: 400; color: var(--soft); }

.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 12px; }
.chart { min-width: 0; }
.chart > svg { display: block; width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 0 14px; margin: 2px 0 6px; font-size: .85rem; }
.legend span { overflow-wrap: anywhere; color: var(--ink); }
.legend svg { vertical-align: middle; }

table { border-collapse: collapse; font-size: .85rem; }
th { font-weight: 600; text-align: left; }
.halves { columns: 2 320px; column-gap: 28px; }
.halves > div { display: flex; gap: 10px; break-inside: avoid; border-bottom: 1px solid var(--line); font-size: .85rem; }
.halves dt { flex: 0 0 45%; color: var(--soft); overflow-wrap: anywhere; }
.halves dd { flex: 1; margin: 0; overflow-wrap: anywhere; }
.runs th, .runs td { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.runs th { max-width: 14rem; overflow-wrap: break-word; }
.runs td { min-width: 6.5rem; max-width: 18rem; overflow-wrap: anywhere; }
.runs td, .matrix td { font-variant-numeric: tabular-nums; }
.runs tbody th { font-weight: 400; color: var(--soft); }

.matrix td { min-width: 25px; height: 25px; padding: 0 2px; text-align: center; border: 1px solid var(--line); }
.matrix th { max-width: 9em; padding: 2px 4px; font-weight: 400; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
.matrix tbody th { text-align: right; }
.matrix thead th { max-width: none; max-height: 9em; vertical-align: bottom; }
.matrix thead th span { display: block; max-height: 9em; margin: 0 auto; writing-mode: vertical-rl;
  transform: rotate(180deg); overflow: hidden; text-overflow: ellipsis; }
.confusion { display: flex; flex-wrap: wrap; gap: 12px 36px; }
.confusion > * { min-width: 0; max-width: 100%; overflow-x: auto; }
.confusion > svg { flex: 1 1 320px; max-width: 560px; border: 1px solid var(--line); }
.mistakes td { padding: 1px 10px 1px 0; vertical-align: top; overflow-wrap: anywhere; }
.mistakes td:first-child { text-align: right; overflow-wrap: normal; }
.right { fill: #0072b2; }
.wrong { fill: #d55e00; }
@media (prefers-color-scheme: dark) { .right { fill: #56a9e9; } .wrong { fill: #f5853f; } }

.pictures img { display: block; max-width: max(100%, 720px); height: auto; margin-top: 6px; }
@media (prefers-color-scheme: dark) { .pictures img { filter: brightness(.8); } }
details { margin-bottom: 12px; padding: 8px 12px; }
summary { cursor: pointer; font-size: 1.1rem; font-weight: 600; }
details > :last-child { margin: 8px 0 4px; }

@media (max-width: 700px) {
  .figures { grid-template-columns: repeat(2, 1fr); }
  .matrix td { min-width: 19px; height: 21px; padding: 0; font-size: .6rem; }
  .matrix th { padding: 2px 3px 2px 0; font-size: .7rem; }
  .matrix tbody th { max-width: 6em; }
}
)";

std::string page(const std::string& title, const std::string& body) {
  return text(
      "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
      "<meta name='viewport' content='width=device-width, initial-scale=1'>\n<title>",
      escaped(title), "</title>\n<style>", chart_style, style, "</style>\n</head>\n<body>\n<main>\n", body,
      "</main>\n</body>\n</html>\n");
}

std::string percent(double value) { return format("%.2f %%", value); }

/// 11220132 as 11,220,132.
std::string grouped(const std::string& digits) {
  if (digits.find_first_not_of("0123456789") != std::string::npos) return digits;
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string base64(const std::string& bytes) {
  const char* const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t three = 0;
    for (size_t k = i; k < i + 3; ++k) three = three << 8 | (k < bytes.size() ? static_cast<uint8_t>(bytes[k]) : 0);
    for (size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : digits[three >> (18 - 6 * k) & 63];
  }
  return out;
}

/// The points of a long series, neighbours replaced by their mean.
Points thinned(const Points& points) {
  const size_t each = (points.size() + 399) / 400;
  Points out;
  for (size_t i = 0; i < points.size(); i += each) {
    const size_t count = std::min(each, points.size() - i);
    double x = 0, y = 0;
    for (size_t k = i; k < i + count; ++k) x += points[k].first, y += points[k].second;
    out.emplace_back(x / static_cast<double>(count), y / static_cast<double>(count));
  }
  return out;
}

/// A chart of the series that have points, if any has.
std::string chart(const std::string& title, const std::string& x, std::vector<Series> series) {
  std::erase_if(series, [](const Series& one) { return one.points.empty(); });
  return series.empty() ? "" : figure({title, x, "", series, true, true});
}

/// The highest point.
std::pair<double, double> best_of(const Points& points) {
  return *std::max_element(points.begin(), points.end(), [](auto& a, auto& b) { return a.second < b.second; });
}

/// A number that the head of a run's page and the table of a comparison show.
struct Figure {
  std::string name, value, remark;
};

std::vector<Figure> figures_of(const RunRecord& run) {
  std::vector<Figure> figures;
  const auto last = [&](const char* name, const char* column, bool is_percent) {
    const Points points = run.column(column);
    if (points.empty()) return;
    const double value = points.back().second;
    figures.push_back({name, is_percent ? percent(value) : format("%.4g", value), ""});
  };
  if (const Points top1 = run.column("eval_top1"); !top1.empty()) {
    const auto best = best_of(top1);
    figures.push_back({"best top-1", percent(best.second), format("epoch %.0f", best.first)});
  }
  last("last top-1", "eval_top1", true);
  last("last top-5", "eval_top5", true);
  last("mixed top-1", "mixed_top1", true);
  last("mixed top-2", "mixed_top2", true);
  last("train loss", "train_loss", false);
  last("test loss", "eval_loss", false);
  const std::string planned = run.argument("epochs");
  figures.push_back({"epochs", text(run.epochs), planned.empty() ? "" : text("of ", planned)});
  if (Points speed = run.speed; !speed.empty()) {
    std::nth_element(speed.begin(), speed.begin() + static_cast<std::ptrdiff_t>(speed.size() / 2), speed.end(),
                     [](auto& a, auto& b) { return a.second < b.second; });
    figures.push_back({"images a second", format("%.0f", speed[speed.size() / 2].second), "median"});
  }
  for (const auto& [name, value] : run.environment) {
    if (name == "parameters") figures.push_back({"parameters", grouped(value), ""});
  }
  return figures;
}

std::string headline(const RunRecord& run) {
  std::string out = "<dl class='figures'>\n";
  for (const Figure& one : figures_of(run)) {
    out += text("<div><dt>", one.name, "</dt><dd>", escaped(one.value), " <small>", escaped(one.remark),
                "</small></dd></div>\n");
  }
  return out + "</dl>\n";
}

std::string section_of(const std::string& charts) {
  if (charts.empty()) return "<p class='note'>No epoch is finished yet.</p>\n";
  return text("<h2>Curves</h2>\n<div class='charts'>\n", charts, "</div>\n");
}

std::string charts_of(const RunRecord& run) {
  const bool by_step = !run.lr.empty();
  const Points rates = by_step ? thinned(run.lr) : run.column("lr");
  return section_of(
      chart("Loss", "epoch", {{"train", run.column("train_loss"), 0}, {"test", run.column("eval_loss"), 1}}) +
      chart("Test accuracy, %", "epoch",
            {{"top-1", run.column("eval_top1"), 0}, {"top-5", run.column("eval_top5"), 1}}) +
      chart("Accuracy on mixed images, %", "epoch",
            {{"top-1", run.column("mixed_top1"), 0}, {"top-2, both labels", run.column("mixed_top2"), 1}}) +
      chart("Learning rate", by_step ? "step" : "epoch", {{"schedule", rates, 0}}) +
      chart("Train loss by step", "step", {{"mean of the epoch so far", thinned(run.loss), 0}}) +
      chart("Speed, images a second", "step", {{"training", thinned(run.speed), 0}}));
}

/// How strongly a cell of a confusion matrix is coloured, 0 to 0.75, so that ink stays readable on it; rare mistakes
/// show as well.
double strength(int64_t count, int64_t row) {
  return 0.75 * std::sqrt(static_cast<double>(count) / static_cast<double>(row));
}

/// A table with a number in every cell.
std::string small_matrix(const Confusion& confusion) {
  const std::vector<std::string>& names = confusion.classes();
  std::string out = "<div><table class='matrix'>\n<thead><tr><th></th>";
  for (const std::string& name : names) {
    out += text("<th scope='col' title='", escaped(name), "'><span>", escaped(name), "</span></th>");
  }
  out += "</tr></thead>\n<tbody>\n";
  for (size_t a = 0; a < names.size(); ++a) {
    const std::vector<int64_t>& row = confusion.counts()[a];
    int64_t sum = 0;
    for (const int64_t count : row) sum += count;
    out += text("<tr><th scope='row' title='", escaped(names[a]), "'>", escaped(names[a]), "</th>");
    for (size_t b = 0; b < names.size(); ++b) {
      if (row[b] == 0) {
        out += "<td></td>";
        continue;
      }
      out += text("<td style='background:rgba(", a == b ? "0,114,178," : "213,94,0,",
                  format("%.2f", strength(row[b], sum)), ")' title='", escaped(names[a]), " taken for ",
                  escaped(names[b]), ": ", row[b], " of ", sum, "'>", row[b], "</td>");
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

/// An image of the matrix: a path for every strength, so that a thousand classes make no large page.
std::string large_matrix(const Confusion& confusion) {
  constexpr size_t levels = 12;
  std::vector<std::string> right(levels + 1), wrong(levels + 1);
  const size_t size = confusion.counts().size();
  for (size_t a = 0; a < size; ++a) {
    int64_t sum = 0;
    for (const int64_t count : confusion.counts()[a]) sum += count;
    for (size_t b = 0; b < size; ++b) {
      const int64_t count = confusion.counts()[a][b];
      if (count == 0) continue;
      const auto level = static_cast<size_t>(std::ceil(strength(count, sum) / 0.75 * levels));
      (a == b ? right : wrong)[level] += text("M", b, " ", a, "h1v1h-1z");
    }
  }
  std::string out = text("<svg viewBox='0 0 ", size, " ", size, "' role='img' aria-label='Confusion matrix'>\n");
  for (size_t level = 1; level <= levels; ++level) {
    for (const auto& [kind, paths] : {std::pair{"right", &right[level]}, {"wrong", &wrong[level]}}) {
      if (paths->empty()) continue;
      out += text("<path class='", kind, "' fill-opacity='",
                  format("%.2f", 0.15 + 0.85 * static_cast<double>(level) / levels), "' d='", *paths, "'/>\n");
    }
  }
  return out + "</svg>\n";
}

std::string confusion_of(const RunRecord& run) {
  if (!run.confusion) return "";
  const Confusion& confusion = *run.confusion;
  const bool small = confusion.classes().size() <= 20;
  std::string out = text("<h2>Confusion matrix</h2>\n<div class='card'>\n<p class='note'>A row for each true class, a ",
                         "column for each predicted one", small ? "" : ", in the order of the classes",
                         ". Blue: right, orange: mistaken.</p>\n<div class='confusion'>\n",
                         small ? small_matrix(confusion) : large_matrix(confusion));
  const std::vector<Confusion::Mistake> mistakes = confusion.mistakes(10);
  if (!mistakes.empty()) {
    out += "<div><h3>Mistaken most often</h3>\n<table class='mistakes'>\n";
    for (const auto& [truth, guess, count] : mistakes) {
      out += text("<tr><td>", count, "</td><td>", escaped(confusion.classes()[truth]), " taken for ",
                  escaped(confusion.classes()[guess]), "</td></tr>\n");
    }
    out += "</table></div>\n";
  }
  return out + "</div>\n</div>\n";
}

/// What a picture of a run shows, and what to look for.
struct PictureText {
  const char *name, *caption, *note;
};
constexpr PictureText picture_texts[] = {
    {"mixed", "Training images before and after mixing", "Are both objects of a mixed image to be seen?"},
    {"cam", "Where the network looks",
     "Test images, with the part bright that speaks for the class named below, and the network's probability for it "
     "(Grad-CAM). A network that found both objects of a mixed image looks at either in its own place."},
    {"worst", "Test images of the highest loss",
     "Is a label wrong, is a part of the object all there is, or do the guesses have something in common?"},
    {"best", "Test images that are right with the highest probability",
     "Is it the object they share, or no more than a background?"},
};

/// Whether it begins and ends as a PNG does.
bool is_whole_png(const std::string& bytes) {
  return bytes.starts_with("\x89PNG\r\n\x1a\n") && bytes.ends_with("IEND\xae\x42\x60\x82");
}

std::string pictures_of(const RunRecord& run) {
  if (run.images.empty()) return "";
  std::string known, others;
  const auto figure_of = [](const fs::path& path, const std::string& caption, const std::string& note) {
    const std::string bytes = engine::read_file(path);
    const std::string image = is_whole_png(bytes)
                                  ? text("<img alt='", caption, "' src='data:image/png;base64,", base64(bytes), "'>")
                                  : text("<p class='trouble'>", escaped(path.filename().string()), " is damaged</p>");
    return text("<figure class='card pictures'><figcaption>", caption, "</figcaption>", note, image, "</figure>\n");
  };
  std::vector<fs::path> rest = run.images;
  for (const PictureText& one : picture_texts) {
    const auto path = std::find_if(rest.begin(), rest.end(), [&](const fs::path& p) { return p.stem() == one.name; });
    if (path == rest.end()) continue;
    known += figure_of(*path, one.caption, text("<p class='note'>", one.note, "</p>"));
    rest.erase(path);
  }
  for (const fs::path& path : rest) {
    std::string name = path.stem().string();
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '-' || c == '_'; }, ' ');
    others += figure_of(path, escaped(name), "");
  }
  return "<h2>Pictures</h2>\n" + known + others;
}

/// A section that is folded until it is asked for.
std::string facts_of(const std::string& title, const Facts& facts) {
  if (facts.empty()) return "";
  std::string out = text("<details>\n<summary>", title, "</summary>\n<dl class='halves'>\n");
  for (const auto& [name, value] : facts) {
    out += text("<div><dt>", escaped(name), "</dt><dd>", escaped(value), "</dd></div>\n");
  }
  return out + "</dl>\n</details>\n";
}

/// "resnet18 on cifar100, mix cutmix, loss dm".
std::string description_of(const RunRecord& run) {
  const std::string model = run.argument("model"), dataset = run.argument("dataset");
  std::string out = model.empty() || dataset.empty() ? model + dataset : model + " on " + dataset;
  for (const char* name : {"mix", "loss"}) {
    const std::string value = run.argument(name);
    if (!value.empty()) out += text(out.empty() ? "" : ", ", name, " ", value);
  }
  return out;
}

/// The names of the arguments that are not the same in all runs, of those that change what a training comes to and are
/// not told beside a figure.
std::vector<std::string> differing(const std::vector<RunRecord>& runs) {
  std::vector<std::string> names;
  for (const RunRecord& run : runs) {
    for (const auto& fact : run.arguments) {
      const std::string& name = fact.first;
      const bool same = std::all_of(runs.begin(), runs.end(), [&](const RunRecord& other) {
        return std::find(other.arguments.begin(), other.arguments.end(), fact) != other.arguments.end();
      });
      const bool known = std::find(names.begin(), names.end(), name) != names.end();
      if (!same && !known && (!is_free(name) || name == "data-dir") && name != "epochs") names.push_back(name);
    }
  }
  return names;
}

/// The cell of a comparison that tells a run's figure of a name.
std::string cell_of(const RunRecord& run, const std::string& name) {
  for (const Figure& one : figures_of(run)) {
    if (one.name == name) return text(escaped(one.value), " <small class='note'>", escaped(one.remark), "</small>");
  }
  return "&ndash;";
}

std::string table_of(const std::vector<RunRecord>& runs, const std::vector<std::string>& names) {
  std::string out = "<div class='card'><table class='runs'>\n<thead><tr><th></th>";
  for (const std::string& name : names) out += text("<th scope='col'>", escaped(name), "</th>");
  out += "</tr></thead>\n<tbody>\n";
  std::vector<std::string> figures;
  for (const RunRecord& run : runs) {
    for (const Figure& one : figures_of(run)) {
      if (std::find(figures.begin(), figures.end(), one.name) == figures.end()) figures.push_back(one.name);
    }
  }
  for (const std::string& figure : figures) {
    out += text("<tr><th scope='row'>", figure, "</th>");
    for (const RunRecord& run : runs) out += text("<td>", cell_of(run, figure), "</td>");
    out += "</tr>\n";
  }
  for (const std::string& argument : differing(runs)) {
    out += text("<tr><th scope='row'>", escaped(argument), "</th>");
    for (const RunRecord& run : runs) out += text("<td>", escaped(run.argument(argument)), "</td>");
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string charts_of(const std::vector<RunRecord>& runs, const std::vector<std::string>& names) {
  constexpr std::pair<const char*, const char*> columns[] = {
      {"Test accuracy, top-1, %", "eval_top1"},
      {"Test accuracy, top-5, %", "eval_top5"},
      {"Test loss", "eval_loss"},
      {"Train loss", "train_loss"},
      {"Accuracy on mixed images, top-1, %", "mixed_top1"},
      {"Accuracy on mixed images, top-2, %", "mixed_top2"},
      {"Learning rate", "lr"},
  };
  std::string charts;
  for (const auto& [title, column] : columns) {
    std::vector<Series> series;
    for (size_t i = 0; i < runs.size(); ++i) {
      series.push_back({names[i], runs[i].column(column), static_cast<int>(i), i / 8 % 2 == 1});
    }
    charts += chart(title, "epoch", series);
  }
  return section_of(charts);
}

}  // namespace

std::string report_page(const fs::path& run_folder) {
  const RunRecord run = read_run(run_folder);
  const std::string name = run.name(), description = description_of(run);
  const std::string details = facts_of("Arguments", run.arguments) + facts_of("Environment", run.environment);
  return page(
      description.empty() ? name : name + ": " + description,
      text("<header><h1>", escaped(name), "</h1><p class='note'>", escaped(description), "</p></header>\n",
           run.trouble.empty() ? "" : text("<p class='trouble'>", escaped(run.trouble), "</p>\n"), headline(run),
           charts_of(run), confusion_of(run), pictures_of(run), details.empty() ? "" : "<h2>Details</h2>\n", details));
}

std::string comparison_page(const std::vector<fs::path>& run_folders) {
  std::vector<RunRecord> runs;
  std::vector<std::string> names, folders;
  for (const fs::path& folder : run_folders) {
    runs.push_back(read_run(folder));
    names.push_back(runs.back().name());
    folders.push_back(folder.string());
  }
  if (std::set(names.begin(), names.end()).size() < names.size()) names = folders;
  return page("Comparison of runs",
              text("<header><h1>Comparison of ", runs.size(), " runs</h1></header>\n",
                   "<h2>Figures, and the arguments that differ</h2>\n", table_of(runs, names), charts_of(runs, names)));
}

void write_report(const fs::path& run_folder) {
  engine::write_file(run_folder / "report.html", report_page(run_folder));
}

}  // namespace apps
