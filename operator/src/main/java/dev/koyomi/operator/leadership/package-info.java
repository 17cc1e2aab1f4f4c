/**
 * Of several operators one works: a Lease comes in, the turn to work and the news of losing it go
 * out.
 */
@NullMarked
package dev.koyomi.operator.leadership;

import org.jspecify.annotations.NullMarked;
