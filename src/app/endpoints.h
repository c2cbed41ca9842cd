// The concrete sources and targets, for those who put runs together.
#pragma once

#include "source/archive/archive.h"
#include "source/files/files.h"
#include "source/files/patterns.h"
#include "source/stream/stream.h"
#include "target/directory/directory.h"
