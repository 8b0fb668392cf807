#include "apps/support/chart.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "apps/support/format.h"
#include "engine/error.h"

namespace apps {
namespace {

constexpr int colours = 8;
constexpr size_t most_dots = 1000;  // of a chart; more would make a page large

/// The size of the picture and its margins around the plot.
struct Frame {
  double width, height, left, right, top, bottom;
};

/// One side of the chart: values from low to high, between two ends on the page, with about five round ticks.
struct Axis {
  double low, high, from, to, step;

  Axis(double lowest, double highest, double begin, double end, bool whole)
      : low(lowest), high(highest), from(begin), to(end) {
    const double size = std::max(std::abs(low), std::abs(high));
    if (!(high - low > 1e-4 * size + 1e-100)) {  // one value, or so near that the ticks would look alike
      const double margin = size > 1e-100 ? size / 2 : 1;
      low -= margin, high += margin;
    }
    const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
    step = power * (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10);
    if (whole) step = std::max(step, 1.0);
    low = step * std::floor(low / step + 1e-9);
    high = step * std::ceil(high / step - 1e-9);
  }
  double at(double value) const { return from + (value - low) / (high - low) * (to - from); }
  int ticks() const { return static_cast<int>(std::lround((high - low) / step)) + 1; }
  double tick(int i) const { return low + step * i; }
};

std::string number(double value) { return engine::text(std::abs(value) < 1e-12 ? 0 : value); }

std::string label(double x, double y, const std::string& attributes, const std::string& text) {
  return engine::text("<text x='", x, "' y='", y, "' ", attributes, '>', escaped(text), "</text>\n");
}

std::string stroke_of(const Series& series) {
  return engine::text("fill='none' stroke='currentColor' stroke-width='2'",
                      series.dashed ? " stroke-dasharray='6 4'" : "");
}

std::string colour_of(const Series& series) { return engine::text("class='s", series.colour % colours, "'"); }

/// The grid, the ticks and the lines of a chart.
std::string plot(const Chart& chart, const Frame& f) {
  size_t count = 0;
  double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
  for (const Series& series : chart.series) {
    count += series.points.size();
    for (const auto& [x, y] : series.points) {
      x0 = std::min(x0, x), x1 = std::max(x1, x), y0 = std::min(y0, y), y1 = std::max(y1, y);
    }
  }
  ENSURE(x1 >= x0 && y1 >= y0, "chart '", chart.title, "': no points");
  const Axis across(x0, x1, f.left, f.width - f.right, chart.whole_x), up(y0, y1, f.height - f.bottom, f.top, false);
  const bool dotted = chart.dots && count <= most_dots;

  std::ostringstream out;
  out.precision(6);
  const auto grid = [&](double xa, double ya, double xb, double yb, bool zero) {
    out << "<line x1='" << xa << "' y1='" << ya << "' x2='" << xb << "' y2='" << yb << "' class='"
        << (zero ? "zero" : "grid") << "'/>\n";
  };
  for (int i = 0; i < across.ticks(); ++i) {
    const double x = across.at(across.tick(i));
    grid(x, f.top, x, f.height - f.bottom, false);
    out << label(x, f.height - f.bottom + 18, "class='soft' text-anchor='middle'", number(across.tick(i)));
  }
  for (int i = 0; i < up.ticks(); ++i) {
    const double y = up.at(up.tick(i));
    grid(f.left, y, f.width - f.right, y, std::abs(up.tick(i)) < 1e-12);
    out << label(f.left - 8, y + 4, "class='soft' text-anchor='end'", number(up.tick(i)));
  }
  out << label((f.left + f.width - f.right) / 2, f.height - 8, "class='ink' text-anchor='middle'", chart.x);
  for (const Series& series : chart.series) {
    out << "<g " << colour_of(series) << "><polyline " << stroke_of(series) << " points='";
    for (const auto& [x, y] : series.points) out << across.at(x) << ',' << up.at(y) << ' ';
    out << "'/>\n";
    for (const auto& [x, y] : dotted ? series.points : Points()) {
      out << "<circle cx='" << across.at(x) << "' cy='" << up.at(y) << "' r='" << (series.points.size() > 40 ? 1 : 2.5)
          << "'><title>" << escaped(series.name) << ", " << escaped(chart.x) << ' ' << x << ": " << y
          << "</title></circle>\n";
    }
    out << "</g>\n";
  }
  return out.str();
}

std::string opening(const Frame& f) {
  return engine::text("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 ", f.width, ' ', f.height,
                      "' font-family='sans-serif' font-size='13'");
}

}  // namespace

const char* const chart_style =
    ".paper{fill:#fff}.ink{fill:#222}.soft{fill:#666}.grid{stroke:#ddd}.zero{stroke:#888}"
    "polyline{stroke-linejoin:round}"
    "circle{fill:currentColor;stroke:transparent;stroke-width:8}"
    ".s0{color:#0072b2}.s1{color:#d55e00}.s2{color:#1c5f3e}.s3{color:#902572}"
    ".s4{color:#0d0a8c}.s5{color:#6d4c0c}.s6{color:#321c2f}.s7{color:#a28994}\n"
    "@media(prefers-color-scheme:dark){"
    ".paper{fill:#161b22}.ink{fill:#e6e6e6}.soft{fill:#a0a0a0}.grid{stroke:#333}.zero{stroke:#777}"
    ".s0{color:#56a9e9}.s1{color:#f5853f}.s2{color:#2a9055}.s3{color:#e1a8cd}"
    ".s4{color:#feea69}.s5{color:#667fa6}.s6{color:#f2faf4}.s7{color:#86777d}}\n";

std::string svg(const Chart& chart) {
  constexpr Frame f{720, 400, 64, 190, 44, 52};
  const double middle = (f.top + f.height - f.bottom) / 2;
  std::string out = engine::text(opening(f), ">\n<style>", chart_style, "</style>\n<rect class='paper' width='",
                                 f.width, "' height='", f.height, "'/>\n");
  out += label(f.left, 26, "class='ink' font-size='16'", chart.title);
  out += label(16, middle, engine::text("class='ink' text-anchor='middle' transform='rotate(-90 16 ", middle, ")'"),
               chart.y);
  out += plot(chart, f);
  double y = f.top + 12;
  for (const Series& series : chart.series) {
    const double x = f.width - f.right + 14;
    out += engine::text("<g ", colour_of(series), "><path d='M", x, ' ', y - 4, "h26' ", stroke_of(series), "/></g>\n");
    out += label(x + 32, y, "class='ink'", series.name);
    y += 20;
  }
  return out + "</svg>\n";
}

std::string figure(const Chart& chart) {
  constexpr Frame f{420, 260, 58, 22, 10, 42};
  std::string out = engine::text("<figure class='chart'><h3>", escaped(chart.title), "</h3><p class='legend'>");
  for (const Series& series : chart.series) {
    out +=
        engine::text("<span><svg ", colour_of(series), " viewBox='0 0 26 8' width='26' height='8'><path d='M0 4h26' ",
                     stroke_of(series), "/></svg> ", escaped(series.name), "</span> ");
  }
  return engine::text(out, "</p>\n", opening(f), " role='img' aria-label='", escaped(chart.title), "'>\n",
                      plot(chart, f), "</svg></figure>\n");
}

}  // namespace apps
