// How threads that compute share cores with threads that wait for the network.
//
// A thread that wakes up does not always get the core at once: where it ran lately, Linux lets the
// one that computes go on to the end of its turn, and looks whether that has come at the tick only,
// every 4 ms with HZ = 250. So a thread that computes takes short turns, and makes Linux look.
//
// Any thread, about itself.
#ifndef MNEME_CORE_BASE_TURNS_H_
#define MNEME_CORE_BASE_TURNS_H_

namespace mneme {

// Gives this thread `nice` (0 to 19) and turns of 0.1 ms, the least that Linux takes (6.12 and
// later; earlier ones take the nice value alone). Threads that it starts inherit both. Failure
// leaves the default, which is harmless.
void TakeShortTurns(int nice);

// Gives the core away if this thread's turn is over and another waits. To be called between pieces
// of work of a few hundred us. Cost: a system call, 0.3 us.
void EndTurnIfOver();

}  // namespace mneme

#endif  // MNEME_CORE_BASE_TURNS_H_
