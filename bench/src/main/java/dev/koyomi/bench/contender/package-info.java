/** Those who are compared: each one's own store and workers behind one small interface. */
@NullMarked
package dev.koyomi.bench.contender;

import org.jspecify.annotations.NullMarked;
