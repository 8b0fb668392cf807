#pragma once

#include <string>
#include <utility>
#include <vector>

namespace apps {

/// A line of a chart: its points from left to right, in one of eight colours.
struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;
  int colour = 0;
  bool dashed = false;
};

/// What a chart shows.
struct Chart {
  std::string title, x, y;  // y and x name the axes
  std::vector<Series> series;
};

/// The chart as a self-contained SVG image, for light and dark pages; the axes reach over all points.
std::string svg(const Chart& chart);

}  // namespace apps
