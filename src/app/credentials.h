// Where secrets come from: a file, a command, the environment, or the terminal; never the command
// line itself.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace perdure {

struct PasswordSource {
    std::string file;  // --password-file, PERDURE_PASSWORD_FILE
    std::string
        command;  // --password-command, PERDURE_PASSWORD_COMMAND: run by /bin/sh, its first line
    std::string environment = "PERDURE_PASSWORD";
    bool read_environment = true;       // off for a *new* password
    std::string option = "--password";  // what the options begin with, for errors
};

/// The first line of `text`. InvalidInput, naming where it is `from`, if that is empty.
Result<Passphrase> parse_password(std::string text, const std::string& from);
/// Whether a password can be had without asking.
bool has_password(const PasswordSource&);
/// Whether there is a terminal to ask on.
bool can_ask();
/// Asks on the terminal if nothing else is given, twice with `confirm`. Denied if there is no
/// terminal to ask on; InvalidInput for an empty one.
Result<Passphrase> read_password(const PasswordSource&, const std::string& prompt, bool confirm);

}  // namespace perdure
