// sparlet optimize: ask and tell by JSON lines on standard output and input.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "search/problem_file.h"
#include "tensor/error.h"

namespace sparlet::cli {
namespace {

using namespace sparlet::search;
using nlohmann::json;

json to_json(const Space& space, const Point& point) {
  json out = json::object();
  for (const auto& [name, value] : point.values) {
    const auto* number = std::get_if<double>(&value);
    if (!number)
      out[name] = std::get<std::string>(value);
    else if (space.at(name).kind == Kind::flag)
      out[name] = *number != 0;
    else if (*number == std::floor(*number) && std::abs(*number) < 9e15)
      out[name] = int64_t(*number);
    else
      out[name] = *number;
  }
  return out;
}

Point point_of(const json& object) {
  Point point;
  for (const auto& [name, value] : object.items()) {
    if (value.is_boolean())
      point.set(name, double(value.get<bool>()));
    else if (value.is_number())
      point.set(name, value.get<double>());
    else
      point.set(name, value_from(value.get<std::string>()));
  }
  return point;
}

json to_json(const GpHyper& h) {
  return {{"lengthscale", h.lengthscale},
          {"outputscale", h.outputscale},
          {"noise", h.noise},
          {"mean", h.mean},
          {"arc", h.arc},
          {"inside", h.inside}};
}

GpHyper hyper_of(const json& j) {
  return {j.at("lengthscale").get<std::vector<double>>(),
          j.at("outputscale"),
          j.at("noise"),
          j.at("mean"),
          j.at("arc"),
          j.value("inside", 0.0)};
}

// What was asked and answered, one JSON object a line, appended; a last line that was cut off when
// the process died does not count.
class Log {
 public:
  Log(const std::filesystem::path& path, const json& head) : path_(path) {
    if (path.empty()) return;
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    in.close();
    const size_t whole = text.rfind('\n') == text.npos ? 0 : text.rfind('\n') + 1;
    if (whole < text.size()) std::filesystem::resize_file(path, whole);
    text.resize(whole);
    size_t number = 0;
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      ++number;
      try {
        lines_.push_back(json::parse(text.substr(at, end - at)));
      } catch (const json::exception&) {
        fail("{}:{}: not a JSON line", path.string(), number);
      }
      at = end + 1;
    }
    out_.open(path, std::ios::app | std::ios::binary);
    require(bool(out_), "{}: cannot be written", path.string());
    if (lines_.empty()) {
      write(head);
      return;
    }
    for (const auto& [key, value] : head.items())
      require(lines_.front().contains(key) && lines_.front()[key] == value,
              "{}: is of another run: its {} differs", path.string(), key);
    lines_.erase(lines_.begin());
  }
  void write(const json& line) {
    if (path_.empty()) return;
    out_ << line.dump() << '\n' << std::flush;
    require(bool(out_), "{}: cannot be written", path_.string());
  }
  const std::vector<json>& lines() const { return lines_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::ofstream out_;
  std::vector<json> lines_;
};

class Session {
 public:
  explicit Session(const OptimizeArgs& args)
      : args_(args),
        optimizer_(load_problem(args.space), {.method = method_from(args.method),
                                              .initial = args.init,
                                              .seed = args.seed,
                                              .tolerance = args.tolerance}),
        log_(args.store, head()) {
    int line = 1;
    for (const json& j : log_.lines()) {
      ++line;
      try {
        replay(j);
      } catch (const json::exception&) {
        fail("{}:{}: not a line of this tool", args_.store.string(), line);
      } catch (const Error& error) {
        fail("{}:{}: {}", args_.store.string(), line, error.what());
      }
    }
  }

  void run() {
    for (const auto& [trial, point] : optimizer_.pending()) send(trial, point);
    while (true) {
      while (more() && int(optimizer_.pending().size()) < args_.batch) ask();
      if (optimizer_.pending().empty()) break;
      receive();
    }
    finish();
  }

 private:
  // What must not change when a run goes on.
  json head() const {
    std::ifstream in(args_.space, std::ios::binary);
    return {{"space", std::string{std::istreambuf_iterator<char>(in), {}}},
            {"method", args_.method},
            {"seed", args_.seed},
            {"initial", optimizer_.options().initial}};
  }
  bool more() const {
    return optimizer_.asked() < args_.trials && !exhausted_ && !optimizer_.converged();
  }

  void replay(const json& j) {
    if (j.contains("point")) {
      optimizer_.restore(j.at("trial").get<int>(), point_of(j.at("point")));
    } else if (j.contains("model")) {
      Optimizer::State state;
      for (const json& model : j.at("model")) {
        state.hyper.emplace_back();
        // Stores of earlier versions have one object a model.
        for (const json& h : model.is_array() ? model : json::array({model}))
          state.hyper.back().push_back(hyper_of(h));
      }
      state.fitted = j.at("fitted");
      state.boxed = j.at("boxed");
      optimizer_.restore(state);
      fitted_ = state.fitted;
    } else if (j.contains("values")) {
      optimizer_.tell(j.at("trial").get<int>(), j.at("values").get<std::vector<double>>());
    } else {
      j.at("infeasible");
      optimizer_.tell_infeasible(j.at("trial").get<int>());
    }
  }

  void send(int trial, const Point& point, std::optional<double> seconds = {}) {
    json line = {{"trial", trial}, {"point", to_json(optimizer_.problem().space, point)}};
    if (seconds) line["seconds"] = *seconds;
    fmt::print("{}\n", line.dump());
    require(std::fflush(stdout) == 0, "standard output: cannot be written");
  }

  void ask() {
    const auto start = std::chrono::steady_clock::now();
    const auto asked = optimizer_.ask();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!asked) {
      exhausted_ = true;
      return;
    }
    spent_ += seconds;
    ++proposals_;
    // The model first: without the point that it gave it does no harm.
    if (const Optimizer::State state = optimizer_.state(); state.fitted != fitted_) {
      fitted_ = state.fitted;
      json model = json::array();
      for (const auto& draws : state.hyper) {
        model.push_back(json::array());
        for (const GpHyper& h : draws) model.back().push_back(to_json(h));
      }
      log_.write({{"model", model}, {"fitted", fitted_}, {"boxed", state.boxed}});
    }
    log_.write(
        {{"trial", asked->trial}, {"point", to_json(optimizer_.problem().space, asked->point)}});
    send(asked->trial, asked->point, args_.timing ? std::optional(seconds) : std::nullopt);
  }

  // How a broken run goes on.
  std::string advice() const {
    return log_.path().empty() ? "with --store it could be resumed"
                               : fmt::format("resume with --store {}", log_.path().string());
  }

  void receive() {
    std::string line;
    do {
      if (!std::getline(std::cin, line)) {
        std::string waiting;
        for (const auto& [trial, point] : optimizer_.pending())
          waiting += fmt::format("{}{}", waiting.empty() ? "" : ", ", trial);
        fail("standard input: ended while trial {} waits for an answer ({} of {} have one); {}",
             waiting, optimizer_.answered(), args_.trials, advice());
      }
      ++line_;
    } while (line.find_first_not_of(" \t\r") == line.npos);
    try {
      log_.write(answer(line));
    } catch (const Error& error) {
      fail("standard input:{}: {}; {}", line_, error.what(), advice());
    }
  }

  // Tells the optimiser and gives what the log keeps.
  json answer(const std::string& line) {
    json j;
    try {
      j = json::parse(line);
    } catch (const json::exception&) {
      // JSON has no NaN, but programs print it.
      for (const char* word : {"NaN", "nan", "Infinity", "inf"})
        require(line.find(word) == line.npos,
                "{} is no value; a trial without values is {{\"trial\":N,\"infeasible\":\"why\"}}",
                word);
      fail("not JSON, expected {{\"trial\":N,\"values\":[...]}}");
    }
    require(j.is_object() && j.contains("trial") && j["trial"].is_number_integer(),
            "expected {{\"trial\":N,\"values\":[...]}}, got {}", line);
    const int trial = j["trial"];
    if (j.contains("infeasible")) {
      require(!j.contains("values"), "trial {}: both values and infeasible", trial);
      optimizer_.tell_infeasible(trial);
      return {{"trial", trial}, {"infeasible", j["infeasible"]}};
    }
    require(j.contains("values") && j["values"].is_array(),
            "trial {}: \"values\", a list, or \"infeasible\" is missing", trial);
    std::vector<double> values;
    for (const json& value : j["values"]) {
      require(value.is_number(),
              "trial {}: {} is not a number; a trial without values is "
              "{{\"trial\":{},\"infeasible\":\"why\"}}",
              trial, value.dump(), trial);
      values.push_back(value);
    }
    optimizer_.tell(trial, values);
    return {{"trial", trial}, {"values", values}};
  }

  void finish() {
    json front = json::array();
    for (const Optimizer::Result& r : optimizer_.front())
      front.push_back({{"trial", r.trial},
                       {"point", to_json(optimizer_.problem().space, r.point)},
                       {"values", r.values}});
    const json line = {{"hypervolume", optimizer_.hypervolume()},
                       {"front", front},
                       {"seconds_per_proposal", proposals_ ? spent_ / proposals_ : 0}};
    fmt::print("{}\n", line.dump());
  }

  const OptimizeArgs& args_;
  Optimizer optimizer_;
  Log log_;
  bool exhausted_ = false;
  int fitted_ = 0, proposals_ = 0, line_ = 0;
  double spent_ = 0;
};

}  // namespace

void optimize(const OptimizeArgs& args) {
  require(args.trials >= 1, "--trials {}: expected at least 1", args.trials);
  require(args.batch >= 1, "--batch {}: expected at least 1", args.batch);
  require(args.init >= 0, "--init {}: expected at least 0", args.init);
  Session(args).run();
}

}  // namespace sparlet::cli
