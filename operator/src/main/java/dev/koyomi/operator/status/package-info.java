/**
 * What was found out about a batch comes in, its status (conditions, counts, times) goes out; the
 * clock is passed in.
 */
@NullMarked
package dev.koyomi.operator.status;

import org.jspecify.annotations.NullMarked;
