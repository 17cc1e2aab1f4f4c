/**
 * One firing from its instant to its dispatched run: what fired comes in, a {@link
 * dev.koyomi.runner.trigger.TriggerResult} goes out.
 */
@NullMarked
package dev.koyomi.runner.trigger;

import org.jspecify.annotations.NullMarked;
