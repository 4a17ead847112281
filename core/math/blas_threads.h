// How many threads a BLAS or LAPACK call of this thread uses.
//
// An OpenBLAS on OpenMP goes by a number of the calling thread, which is that of the processors
// until the thread says otherwise: openblas_set_num_threads in main says nothing to a thread that
// starts later, whose first product sets the number of processors for all. So each thread says it
// again, before its first call.
#ifndef MNEME_CORE_MATH_BLAS_THREADS_H_
#define MNEME_CORE_MATH_BLAS_THREADS_H_

namespace mneme::math {

// What SetBlasThreads (blas.h) said last, for the calling thread. Before each call of the library.
//
// Cost     two loads, but for the first time in a thread and after each SetBlasThreads.
// Threads  any number at once.
void UseBlasThreads();

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_BLAS_THREADS_H_
