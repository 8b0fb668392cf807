#include "apps/support/chart.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "engine/error.h"

namespace apps {
namespace {

constexpr double width = 720, height = 400, left = 64, right = 190, top = 44, bottom = 52;
const char* const colours[] = {"#d1495b", "#2e86ab", "#5c946e", "#b07d2b", "#7d5ba6", "#3c8d93", "#a35f3c", "#6b6b6b"};

std::string escaped(const std::string& text) {
  std::string safe;
  for (char c : text) safe += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  return safe;
}

/// One side of the chart: values from low to high, between two ends on the page, with about five round ticks.
struct Axis {
  double low, high, from, to, step;

  Axis(double lowest, double highest, double begin, double end) : low(lowest), high(highest), from(begin), to(end) {
    if (!(high > low)) high = low + 1;
    const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
    step = power * (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10);
    low = step * std::floor(low / step + 1e-9);
    high = step * std::ceil(high / step - 1e-9);
  }
  double at(double value) const { return from + (value - low) / (high - low) * (to - from); }
  int ticks() const { return static_cast<int>(std::lround((high - low) / step)) + 1; }
  double tick(int i) const { return low + step * i; }
};

std::string number(double value) { return engine::text(std::abs(value) < 1e-12 ? 0 : value); }

}  // namespace

std::string svg(const Chart& chart) {
  double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
  for (const Series& series : chart.series) {
    for (const auto& [x, y] : series.points) {
      x0 = std::min(x0, x), x1 = std::max(x1, x), y0 = std::min(y0, y), y1 = std::max(y1, y);
    }
  }
  ENSURE(x1 >= x0 && y1 >= y0, "chart '", chart.title, "': no points");
  const Axis across(x0, x1, left, width - right), up(y0, y1, height - bottom, top);

  std::ostringstream out;
  out.precision(6);
  out << "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 " << width << ' ' << height
      << "' font-family='sans-serif' font-size='13'>\n"
         "<style>.paper{fill:#fff}.ink{fill:#222}.soft{fill:#666}.grid{stroke:#ddd}.zero{stroke:#888}"
         "@media(prefers-color-scheme:dark){.paper{fill:#161b22}.ink{fill:#e6e6e6}.soft{fill:#a0a0a0}"
         ".grid{stroke:#333}.zero{stroke:#777}}</style>\n"
      << "<rect class='paper' width='" << width << "' height='" << height << "'/>\n";
  const auto write = [&](double x, double y, const char* attributes, const std::string& text) {
    out << "<text x='" << x << "' y='" << y << "' " << attributes << '>' << escaped(text) << "</text>\n";
  };
  const auto line = [&](double xa, double ya, double xb, double yb, const std::string& attributes) {
    out << "<line x1='" << xa << "' y1='" << ya << "' x2='" << xb << "' y2='" << yb << "' " << attributes << "/>\n";
  };
  write(left, 26, "class='ink' font-size='16'", chart.title);
  for (int i = 0; i < across.ticks(); ++i) {
    const double x = across.at(across.tick(i));
    line(x, top, x, height - bottom, "class='grid'");
    write(x, height - bottom + 18, "class='soft' text-anchor='middle'", number(across.tick(i)));
  }
  for (int i = 0; i < up.ticks(); ++i) {
    const double y = up.at(up.tick(i));
    line(left, y, width - right, y, std::abs(up.tick(i)) < 1e-12 ? "class='zero'" : "class='grid'");
    write(left - 8, y + 4, "class='soft' text-anchor='end'", number(up.tick(i)));
  }
  write((left + width - right) / 2, height - 12, "class='ink' text-anchor='middle'", chart.x);
  const std::string turned =
      engine::text("class='ink' text-anchor='middle' transform='rotate(-90 16 ", (top + height - bottom) / 2, ")'");
  write(16, (top + height - bottom) / 2, turned.c_str(), chart.y);

  double legend = top + 12;
  for (const Series& series : chart.series) {
    const std::string stroke = engine::text("stroke='", colours[series.colour % 8], "' stroke-width='2'",
                                            series.dashed ? " stroke-dasharray='6 4'" : "");
    out << "<polyline fill='none' " << stroke << " points='";
    for (const auto& [x, y] : series.points) out << across.at(x) << ',' << up.at(y) << ' ';
    out << "'/>\n";
    line(width - right + 14, legend - 4, width - right + 40, legend - 4, stroke);
    write(width - right + 46, legend, "class='ink'", series.name);
    legend += 20;
  }
  out << "</svg>\n";
  return out.str();
}

}  // namespace apps
