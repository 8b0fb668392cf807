#pragma once

#include <string>
#include <utility>
#include <vector>

namespace apps {

using Points = std::vector<std::pair<double, double>>;

/// A line of a chart: its points from left to right, in one of eight colours.
struct Series {
  std::string name;
  Points points;
  int colour = 0;
  bool dashed = false;
};

/// What a chart shows.
struct Chart {
  std::string title, x, y;  // y and x name the axes
  std::vector<Series> series;
  bool whole_x = false;  // ticks at whole numbers alone
  bool dots = false;     // on every point, to tell its values, unless there are more than a thousand
};

/// The chart as a self-contained SVG image, for light and dark pages; the axes reach over all points.
std::string svg(const Chart& chart);

/// The chart as a figure of an HTML page that has `chart_style`: title and legend as text, and a plot of 420 x 260
/// units below. The y axis has no name there; the title should tell it.
std::string figure(const Chart& chart);

/// The colours of charts, as CSS: classes s0 to s7 for series. Each has a contrast of 3 or more to its paper, light or
/// dark, and any two differ by 20 or more in CIELAB, also to an eye without one kind of cone.
extern const char* const chart_style;

}  // namespace apps
