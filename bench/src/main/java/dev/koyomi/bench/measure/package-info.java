/** Server, clock, noise and tables: parts come in, medians of their turns go out. */
@NullMarked
package dev.koyomi.bench.measure;

import org.jspecify.annotations.NullMarked;
