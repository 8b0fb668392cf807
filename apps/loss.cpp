#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/support/chart.h"
#include "apps/support/loss_flags.h"
#include "engine/file.h"
#include "engine/names.h"
#include "mixup/losses.h"

namespace {

using nlohmann::ordered_json;

/// The largest difference between a gradient and central differences of the loss.
double difference_error(const mixup::LossEntry& entry, std::vector<double> z, mixup::Pair pair,
                        const mixup::LossOptions& options, const std::vector<double>& gradient) {
  std::vector<double> unused(z.size());
  const int classes = static_cast<int>(z.size());
  double worst = 0;
  for (size_t c = 0; c < z.size(); ++c) {
    const double at = z[c], step = 1e-5 * std::max(1.0, std::abs(at));
    z[c] = at + step;
    const double above = entry.explain(z.data(), classes, pair, options, unused.data()).loss;
    z[c] = at - step;
    const double below = entry.explain(z.data(), classes, pair, options, unused.data()).loss;
    z[c] = at;
    const double error = std::abs((above - below) / (2 * step) - gradient[c]);
    if (!(error <= worst)) worst = error;  // a NaN is the worst
  }
  return worst;
}

double ten_digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return std::strtod(text, nullptr) + 0.0;  // + 0.0 turns -0 into 0
}

/// Numbers separated by commas, none of them empty or so large that differences lose their digits.
std::vector<double> parse_logits(const std::string& list) {
  std::vector<double> logits;
  std::istringstream in(list + ",");
  for (std::string item; std::getline(in, item, ',');) {
    double value = 0;
    if (!CLI::detail::lexical_cast(item, value) || !(std::abs(value) <= 1e6)) {
      throw apps::UsageError("--logits: '" + item + "' is not a number from -1e6 to 1e6");
    }
    logits.push_back(value);
  }
  return logits;
}

/// The gradient on class a, on class b, and on the others together, for all shares: plain mixup cross entropy, or
/// binary for a loss on sigmoids, as dashed lines beside the loss.
apps::Chart gradient_chart(const apps::LossFlags& flags, const std::vector<double>& z, mixup::Pair pair) {
  apps::Chart chart{"The gradient on the logits as the share of class a grows", "lambda", "gradient", {}};
  const bool sigmoid = flags.loss.find("bce") != std::string::npos;
  const auto draw = [&](const std::string& name, const mixup::LossOptions& options, bool dashed) {
    const mixup::LossEntry& entry = engine::find_named(mixup::losses(), "loss", name);
    apps::Series lines[] = {{name + ", class a", {}, 0, dashed},
                            {name + ", class b", {}, 1, dashed},
                            {name + ", the others", {}, 2, dashed}};
    std::vector<double> gradient(z.size());
    for (int i = 1; i < 200; ++i) {
      pair.lambda = i / 200.0;
      entry.explain(z.data(), static_cast<int>(z.size()), pair, options, gradient.data());
      const double a = gradient[static_cast<size_t>(pair.a)], b = gradient[static_cast<size_t>(pair.b)];
      double all = 0;
      for (double slope : gradient) all += slope;
      lines[0].points.emplace_back(pair.lambda, a);
      lines[1].points.emplace_back(pair.lambda, b);
      lines[2].points.emplace_back(pair.lambda, all - a - b);
    }
    chart.series.insert(chart.series.end(), std::begin(lines), std::end(lines));
  };
  const std::string plain = sigmoid ? "bce" : "ce";
  if (flags.loss != plain) {
    draw(plain, {.smoothing = flags.options.smoothing, .bce_reduction = flags.options.bce_reduction}, true);
  }
  draw(flags.loss, flags.options, false);
  return chart;
}

}  // namespace

/// A calculator for one row of logits: the loss, its terms, its gradient, and how central differences agree with it.
int main(int argc, char** argv) {
  return apps::run_program("loss", [&] {
    std::string list = "2,1,0,-1", plot;
    mixup::Pair pair{0, 1, 0.3};
    apps::LossFlags flags{.loss = "dm"};
    bool json = false;

    apps::CommandLine line("loss", "computes a loss of one mixed sample, its terms and its gradient",
                           "A calculator for one row of logits, of an image that is mixed of two classes. The gradient "
                           "is that on the logits; central differences of the loss tell whether it is right.");
    line.section("Examples",
                 {{"loss --loss dm --logits 2,1,0,-1 --a 0 --b 1 --lambda 0.3", "The decoupled loss of four classes"},
                  {"loss --loss dm --plot gradient.svg", "Its gradient for every share, beside that of ce"}});
    line.section("See also", {{"train_cifar(1)", "trains with these losses"}});
    line.add("--logits", list, "Logits, one for each class, separated by commas");
    line.add("--a", pair.a, "Class with share lambda")->check(apps::between(0, 1e6));
    line.add("--b", pair.b, "Class with share 1 - lambda")->check(apps::between(0, 1e6));
    line.add("--lambda", pair.lambda, "Share of class a")->check(apps::between(0, 1));
    line.add_choice("--kind", pair.kind, "kind", {"cutting", "interpolation"}, "Of the policy, for --dm-t and --dm-xi");
    line.group("Loss");
    apps::add_loss_flags(line, flags);
    line.group("Output");
    line.add("--plot", plot, "File to draw the gradient for every lambda in, as SVG; needs two classes")
        ->check(apps::file());
    line.add_switch("--json", json, "Print one JSON object");
    if (!line.parse(argc, argv)) return;

    check(flags);
    const std::vector<double> logits = parse_logits(list);
    const int classes = static_cast<int>(logits.size());
    for (int label : {pair.a, pair.b}) {
      if (label < 0 || label >= classes) {
        throw apps::UsageError(engine::text("class ", label, " is not among the ", classes, " classes of --logits"));
      }
    }
    const mixup::LossEntry& entry = engine::find_named(mixup::losses(), "loss", flags.loss);
    std::vector<double> gradient(logits.size());
    const auto [loss, terms] = entry.explain(logits.data(), classes, pair, flags.options, gradient.data());
    const double error = difference_error(entry, logits, pair, flags.options, gradient);

    if (!plot.empty()) {
      if (pair.a == pair.b) throw apps::UsageError("--plot: --a and --b are the same class");
      engine::write_file(plot, svg(gradient_chart(flags, logits, pair)));
    }
    if (json) {
      ordered_json object{{"loss", ten_digits(loss)}};
      for (const auto& [term, value] : terms) object["terms"][term] = ten_digits(value);
      for (double slope : gradient) object["gradient"].push_back(ten_digits(slope));
      object["finite_difference_error"] = error;
      std::cout << object.dump() << '\n';
      return;
    }
    std::printf("loss         %14.10f\n", loss + 0.0);
    for (const auto& [term, value] : terms) std::printf("  %-12s%13.10f\n", term, value + 0.0);
    std::printf("\nclass     logit        gradient\n");
    for (int c = 0; c < classes; ++c) {
      const auto k = static_cast<size_t>(c);
      const char* mark = c == pair.a ? "  a" : c == pair.b ? "  b" : "";
      std::printf("%5d  %8.4g  %14.10f%s\n", c, logits[k], gradient[k], mark);
    }
    std::printf("\nlargest difference to central differences: %.1e\n", error);
  });
}
