/** Benchmarks, one program each: contenders come in, a table of rates and ratios goes out. */
@NullMarked
package dev.koyomi.bench;

import org.jspecify.annotations.NullMarked;
