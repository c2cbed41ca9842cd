#include "base/task_group.h"

#include <exception>
#include <system_error>

namespace perdure {

Result<void> without_exceptions(const std::function<Result<void>()>& work) {
    try {
        return work();
    } catch (const std::exception& e) {
        return Error(ErrorKind::Internal, std::string("unexpected exception: ") + e.what());
    } catch (...) {
        return Error(ErrorKind::Internal, "unexpected exception");
    }
}

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

void TaskGroup::start(Task task) {
    try {
        threads_.emplace_back([this, task = std::move(task)] {
            auto result = without_exceptions([&] { return task(stop_.get_token()); });
            if (!result) fail(std::move(result).error());
        });
    } catch (const std::system_error& e) {
        fail(Error(ErrorKind::Io, std::string("starting a thread: ") + e.what()));
    }
}

Result<void> TaskGroup::join() {
    threads_.clear();
    return first_error_.with([](std::optional<Error>& first) -> Result<void> {
        if (first) return std::move(*first);
        return {};
    });
}

}  // namespace perdure
