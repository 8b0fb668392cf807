#include <doctest/doctest.h>

#include "tests/support/cases.h"

using namespace support;

TEST_CASE("a + b hands the same gradient to both, and adding to one later leaves the other alone") {
  const Variable a = Variable::leaf(uniform({4}, 1)), b = Variable::leaf(uniform({4}, 2));
  // a gets a second gradient after it got the shared one: adding it in place would change b's.
  const Variable y = engine::add(engine::scale(a, 5), engine::add(a, b));
  engine::backward(y, Tensor::full({4}, 1));
  CHECK(a.grad().to_vector() == std::vector<float>(4, 6));
  CHECK(b.grad().to_vector() == std::vector<float>(4, 1));
}

TEST_CASE("a convolution adds its gradient in place only where nobody else has it") {
  const Variable a = Variable::leaf(uniform({1, 3, 3, 2}, 1)), b = Variable::leaf(uniform({1, 3, 3, 2}, 2)),
                 w = Variable::leaf(uniform({2, 1, 1, 2}, 3));
  const Variable alone = Variable::leaf(a.value());
  const Tensor dy = uniform(a.shape(), 4);
  const std::vector<float> before = dy.to_vector();
  const Variable c = engine::conv2d(a, w, {});  // before a + b, which hands dy itself to a and b
  engine::backward(engine::add(c, engine::add(a, b)), dy);
  engine::backward(engine::conv2d(alone, w, {}), dy);
  CHECK(dy.to_vector() == before);
  CHECK(b.grad().to_vector() == before);
  for (size_t i = 0; i < before.size(); ++i) {
    CHECK(a.grad().to_vector()[i] == before[i] + alone.grad().to_vector()[i]);
  }
}

TEST_CASE("x + x has gradient 2, and dy is not changed") {
  const Variable x = Variable::leaf(uniform({4}, 1));
  const Tensor dy = Tensor::full({4}, 1);
  engine::backward(engine::add(x, x), dy);
  CHECK(x.grad().to_vector() == std::vector<float>(4, 2));
  CHECK(dy.to_vector() == std::vector<float>(4, 1));
}

TEST_CASE("leaves sum the gradients of several backward passes until they are cleared") {
  Variable x = Variable::leaf(uniform({3}, 1));
  for (int i = 0; i < 3; ++i) engine::backward(engine::scale(x, 2), Tensor::full({3}, 1));
  CHECK(x.grad().to_vector() == std::vector<float>(3, 6));
  x.clear_grad();
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a graph is freed as it is used and cannot be used twice") {
  const Variable x = Variable::leaf(uniform({1}, 1)), y = engine::scale(x, 2);
  engine::backward(y);
  CHECK_THROWS_WITH_AS(engine::backward(y), "backward: the graph of 'scale' was already used and freed", engine::Error);
}

TEST_CASE("what backward no longer needs is given back while it runs") {
  const Variable x = Variable::leaf(away_from_zero({1000}, 1));
  std::weak_ptr<int> alive;
  Variable y;
  {
    const auto token = std::make_shared<int>(1);
    alive = token;
    const Variable inner = engine::record("test", x.value().clone(), {x},
                                          [token](const Tensor& dy, engine::Gradients& dx) { dx.give(0, dy); });
    y = engine::scale(inner, 2);
  }
  CHECK_FALSE(alive.expired());
  engine::backward(y, Tensor::full({1000}, 1));
  CHECK(alive.expired());
}

TEST_CASE("nothing is recorded for constants or while a NoGrad lives") {
  const Variable x = Variable::leaf(uniform({2}, 1)), constant(uniform({2}, 2));
  CHECK_FALSE(engine::scale(constant, 2).needs_gradient());
  {
    const engine::NoGrad outer;
    { const engine::NoGrad inner; }
    CHECK_FALSE(engine::scale(x, 2).needs_gradient());
  }
  CHECK(engine::scale(x, 2).needs_gradient());
  CHECK_THROWS_AS(engine::backward(engine::scale(constant, 2), uniform({2}, 3)), engine::Error);
}

TEST_CASE("gradient() goes to one leaf alone and changes no grad()") {
  const Variable x = Variable::leaf(uniform({2, 3}, 1)), w = Variable::leaf(uniform({4, 3}, 2)),
                 b = Variable::leaf(uniform({4}, 3));
  const Tensor target = uniform({2, 4}, 4, 0, 1);
  const auto loss = [&] { return engine::softmax_cross_entropy(engine::linear(x, w, b), target); };
  const Tensor dx = engine::gradient(loss(), x);
  CHECK_FALSE(x.grad().defined());
  CHECK_FALSE(w.grad().defined());
  engine::backward(loss());
  CHECK(same_bits(dx, x.grad()));
  const Variable other = Variable::leaf(uniform({1}, 5)), constant(uniform({1}, 6));
  CHECK_THROWS_WITH(engine::gradient(loss(), other), "gradient: the loss does not depend on that variable");
  CHECK_THROWS_WITH(engine::gradient(loss(), constant), "gradient: only with respect to a leaf");
  const Variable inner = engine::scale(x, 2);
  CHECK_THROWS_WITH(engine::gradient(loss(), inner), "gradient: only with respect to a leaf");
  CHECK_THROWS_AS(engine::backward(other), engine::Error);
}

TEST_CASE("only a scalar can be a loss, and dy must have the shape of y") {
  const Variable y = engine::scale(Variable::leaf(uniform({2}, 1)), 2);
  CHECK_THROWS_WITH(engine::backward(y), "backward: the loss has shape (2), not one element");
  CHECK_THROWS_AS(engine::backward(y, uniform({3}, 1)), engine::Error);
}

TEST_CASE("a very deep graph neither overflows the stack going back nor when it is dropped") {
  for (const bool use : {true, false}) {
    const Variable x = Variable::leaf(Tensor::full({1}, 1));
    Variable y = x;
    for (int i = 0; i < 200000; ++i) y = engine::scale(y, 1);
    if (!use) continue;
    engine::backward(y);
    CHECK(x.grad().item() == 1);
  }
}
