// A TCP port of this machine that nobody listens on. Somebody may before it is used: try again
// then.
#ifndef MNEME_TESTS_SUPPORT_FREE_PORT_H_
#define MNEME_TESTS_SUPPORT_FREE_PORT_H_

namespace mneme::test {

int FreePort();  // 0: there is none

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_FREE_PORT_H_
