// Threads that work towards one result: the first error wins and asks the rest to stop; the
// destructor asks all to stop and joins. An exception that leaves a task is an Internal error.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/guarded.h"
#include "base/result.h"

namespace perdure {

/// What `work` returns; an exception that leaves it is an Internal error. For threads that others
/// wait for: what they have in hand must be given back in any case.
Result<void> without_exceptions(const std::function<Result<void>()>& work);

class TaskGroup {
public:
    using Task = std::function<Result<void>(std::stop_token)>;

    /// The group also stops when `parent` does.
    explicit TaskGroup(std::stop_token parent = {});
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    /// Where no thread can be had the group fails, as if the task had.
    void start(Task task);

    /// Waits for every task; the first error, if any. Call at most once.
    Result<void> join();

    std::stop_token stop_token() const { return stop_.get_token(); }
    void request_stop() { stop_.request_stop(); }

private:
    void fail(Error error);

    std::stop_source stop_;
    Guarded<std::optional<Error>> first_error_;
    std::vector<std::jthread> threads_;
    std::function<void()> forward_stop_;
    std::optional<std::stop_callback<std::function<void()>>> parent_stop_;
};

}  // namespace perdure
