/** Benchmarks, one program each: a workload comes in by its name, a table of ratios goes out. */
@NullMarked
package dev.koyomi.bench;

import org.jspecify.annotations.NullMarked;
