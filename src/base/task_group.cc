#include "base/task_group.h"

#include <exception>

namespace perdure {

TaskGroup::TaskGroup(std::stop_token parent) : forward_stop_([this] { stop_.request_stop(); }) {
    if (parent.stop_possible()) parent_stop_.emplace(std::move(parent), forward_stop_);
}

TaskGroup::~TaskGroup() {
    stop_.request_stop();
    threads_.clear();
}

void TaskGroup::fail(Error error) {
    first_error_.with([&](std::optional<Error>& first) {
        if (!first) first.emplace(std::move(error));
    });
    stop_.request_stop();
}

void TaskGroup::start(std::function<Result<void>(std::stop_token)> task) {
    threads_.emplace_back([this, task = std::move(task)] {
        try {
            if (auto result = task(stop_.get_token()); !result) fail(std::move(result).error());
        } catch (const std::exception& e) {
            fail(Error(ErrorKind::Internal, std::string("unexpected exception: ") + e.what()));
        } catch (...) {
            fail(Error(ErrorKind::Internal, "unexpected exception"));
        }
    });
}

Result<void> TaskGroup::join() {
    threads_.clear();
    return first_error_.with([](std::optional<Error>& first) -> Result<void> {
        if (first) return std::move(*first);
        return {};
    });
}

}  // namespace perdure
