#include "mixup/losses.h"

#include "engine/names.h"

namespace mixup {

const std::vector<LossEntry>& losses() {
  static const std::vector<LossEntry> table{{"ce", ce, explain_ce}, {"dm", dm, explain_dm}};
  return table;
}

Loss make_loss(const std::string& name, const LossOptions& options) {
  return engine::find_named(losses(), "loss", name).make(options);
}

}  // namespace mixup
