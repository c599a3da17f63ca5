// Evolutionary baselines. Values are minimised; an empty row is an infeasible trial.
#pragma once
#include "search/surrogate.h"

namespace sparlet::search {

// Steady-state NSGA-II (Deb et al. 2002): parents by binary tournaments on rank and crowding among
// the best `population`; simulated binary crossover (index 15) and polynomial mutation (index 20,
// one parameter in d) on unit values, categories swapped and drawn.
std::optional<Point> nsga2_child(const Space&, const std::vector<Observation>&,
                                 const std::vector<Values>& rows, int population, Rng&);

// The parent that aging evolution would mutate: of the youngest `population` rows a sample with
// replacement, the least max_k min(f_k, 10) / λ_k, λ uniform in the unit cube a tournament; rows
// are normalised, so that f_k is 1 at the reference (uNAS: Liberis, Dudziak & Lane 2021).
size_t aging_parent(const std::vector<Values>& rows, int population, int sample, Rng&);

// Front number of every row, from 0; infeasible ones come last.
std::vector<int> ranks_of(const std::vector<Values>& rows);

}  // namespace sparlet::search
