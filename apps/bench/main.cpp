#include <cstdio>
#include <iostream>

#include "apps/bench/bench.h"
#include "engine/kernels.h"
#include "engine/names.h"
#include "engine/parallel.h"
#include "engine/probe.h"
#include "mixup/losses.h"
#include "nn/networks.h"

namespace {

/// The limits of this machine, and how much of them the inner loop of the convolutions reaches.
void print_peaks(int threads) {
  std::printf("%-8s %14s %14s %10s %14s\n", "threads", "FMA GFLOP/s", "tile GFLOP/s", "of FMA", "copy GB/s");
  for (int count = 1; count <= threads; count *= 2) {
    const engine::Peaks peaks = engine::probe(count);
    std::printf("%-8d %14.1f %14.1f %8.1f %% %14.1f\n", count, peaks.fma, peaks.tile, 100 * peaks.tile / peaks.fma,
                peaks.copy);
  }
}

}  // namespace

/// Times training steps, one kernel, the loader, or the machine itself, on random data.
int main(int argc, char** argv) {
  return apps::run_program("bench", [&] {
    bench::Options o;
    o.pictures.options.train_count = 20000;
    apps::CommandLine line("bench", "times training steps, one kernel, the loader or the machine",
                           "Computes on random data. Training steps are told in one JSON line, kernels in a table.");
    line.section("Examples", {{"bench --model resnet18 --batch 128 --steps 6 --threads 2", "Whole training steps"},
                              {"bench --kernel conv2d", "Convolutions, at every shape of a ResNet-18"}});
    line.group("What is timed, instead of training steps");
    line.add("--kernel", o.kernel, "One kernel at the shapes of a ResNet-18")
        ->check(apps::one_of("kernel", bench::kernel_names()));
    line.add_switch("--peak", o.peak, "The limits of this machine, and the inner loop of the convolutions");
    line.add_switch("--overhead", o.overhead, "CutMix and the DM loss, as a share of a training step");
    line.add_switch("--data", o.data, "The loader with CutMix, and no training, on --dataset");
    line.add_switch("--policies", o.policies, "Every policy, as a share of a training step");
    line.add_switch("--records", o.records, "Metrics, weights, state and report, as they are written to this folder");
    line.group("Settings");
    line.add("--model", o.model, "Network")->check(apps::one_of("model", engine::names_of(nn::networks())));
    line.add("--loss", o.loss, "Loss")->check(apps::one_of("loss", engine::names_of(mixup::losses())));
    line.add("--conv", o.conv, "How convolutions are computed")
        ->check(apps::one_of("algorithm", engine::names_of(engine::conv_algorithms())));
    line.add("-b,--batch,--batch-size", o.batch, "Images in a step")->check(apps::between(2, 1e6));
    line.add("--size", o.size, "Height and width of the images")->check(apps::between(8, 1024));
    line.add("--classes", o.classes, "Classes")->check(apps::between(2, 1e6));
    line.add("--steps", o.steps, "Timed repetitions, after one that is not")->check(apps::between(1, 1e6));
    apps::add_device_flag(line, o.device);
    apps::add_gpu_flags(line, o.gpu);
    line.add("--threads", o.threads, "Computing threads; 0: all cores")->check(apps::between(0, 1024));
    line.group("Data, for --data");
    line.add("--dataset", o.pictures.dataset, "Data set")
        ->check(apps::one_of("data set", engine::names_of(data::datasets())));
    line.add("--data-dir", o.pictures.folder, "Folder of the data set's files, or the one that holds that folder")
        ->check(apps::folder());
    apps::add_training_data_flags(line, o.pictures);
    if (!line.parse(argc, argv)) return;

    if (o.device != "cpu" && (!o.kernel.empty() || o.peak || o.overhead || o.data || o.policies || o.records)) {
      throw apps::UsageError("--device: only training steps are timed on a GPU");
    }
    apps::apply(o.gpu, o.device);
    if (o.threads > 0) engine::set_threads(o.threads);
    engine::set_conv_algorithm(o.conv);
    if (o.peak) print_peaks(engine::threads());
    else if (o.overhead) std::cout << bench::time_overhead(o).dump() << '\n';
    else if (o.policies) bench::time_policies(o);
    else if (o.records) bench::time_records(o);
    else if (o.data) std::cout << bench::time_data(o).dump() << '\n';
    else if (!o.kernel.empty()) bench::time_kernel(o);
    else std::cout << bench::time_steps(o).dump() << '\n';
  });
}
