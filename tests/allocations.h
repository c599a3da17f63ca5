// Counts the allocations of a test program: link allocations.cpp into it.
#pragma once
#include <cstdint>

namespace sparlet::testing {

// Counting begins; gives the count so far. oneDNN 2.6 allocates inside its own execute(); that is
// not ours to change, so it is not counted.
int64_t start_counting();
int64_t stop_counting();  // the count so far
int64_t allocations();

}  // namespace sparlet::testing
