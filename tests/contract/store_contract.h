// The contract of store.h as tests, one group per guarantee, for every store and every decorator.
//
// To put a store under the contract: derive StoreUnderTest, and instantiate the suites it can be
// held to with a StoreFactory each. A suite that is not instantiated is a declared deviation, to be
// stated where the others are:
//   StoreContract           G1, G2, G4-G8, G10 and errors: every store
//   StoreContractThreads    the same under threads: every store
//   StoreContractDurable    G3: stores whose power a test can cut
//   StoreContractProcesses  G1, G2, G4 between processes: stores that several processes can open
//   StoreContractFull       G9: stores that a test can fill
// Include it once in a test program. No name here begins a part with '.' or is also a directory.
#pragma once

#include "contract/store_contract_durable.h"
#include "contract/store_contract_processes.h"
#include "contract/store_contract_single.h"
#include "contract/store_contract_threads.h"
