/**
 * Runs the business logic of one job in one transaction: a job comes in, its {@link
 * dev.koyomi.runner.unit.Ending} goes out, committed together with the cursor or not at all.
 */
@NullMarked
package dev.koyomi.runner.unit;

import org.jspecify.annotations.NullMarked;
